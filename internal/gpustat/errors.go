package gpustat

import "errors"

// The kinds of an *Error, for errors.Is.
var (
	ErrNoDriver      = errors.New("the driver is not loaded")
	ErrNoPermission  = errors.New("no permission")
	ErrNotSupported  = errors.New("not supported")
	ErrLost          = errors.New("the card is lost")
	ErrDriverChanged = errors.New("driver and library are of different versions")
)

// Error is a failure of NVML.
type Error struct {
	Op     string // the call or the field: "nvmlInit", "power"
	Code   int    // nvmlReturn_t
	Detail string // NVML's text for the code
	Remedy string // the user's next step; may be ""
}

func (e *Error) Error() string {
	s := "NVML: " + e.Op + ": " + e.Detail
	if e.Remedy != "" {
		s += ": " + e.Remedy
	}
	return s
}

// Is matches the Err variables of this package.
func (e *Error) Is(target error) bool { return kinds[e.Code] == target && target != nil }

var kinds = map[int]error{
	3: ErrNotSupported, 13: ErrNotSupported, 4: ErrNoPermission, 9: ErrNoDriver, 15: ErrLost, 18: ErrDriverChanged,
}

// remedies are the next steps after failures of nvmlInit.
var remedies = map[int]string{
	9:  "load the kernel module (modprobe nvidia), or in a container start it with the cards (--gpus all)",
	4:  "/dev/nvidiactl cannot be opened: ask for access to the cards, or in a container start it with them (--gpus all)",
	18: "the driver was updated and the old kernel module is still loaded: reboot, or unload and load it",
}
