package cuda

import (
	"fmt"
	"sync/atomic"
)

// Status is a CUresult, the driver's number of an error. As an error it is a target for errors.Is.
type Status int

// The statuses that a program may need to distinguish.
const (
	ErrInvalidValue        Status = 1
	ErrOutOfMemory         Status = 2
	ErrNotInitialized      Status = 3
	ErrStubLibrary         Status = 34
	ErrDeviceUnavailable   Status = 46
	ErrNoDevice            Status = 100
	ErrInvalidDevice       Status = 101
	ErrInvalidImage        Status = 200
	ErrInvalidContext      Status = 201
	ErrNoBinaryForGPU      Status = 209
	ErrUncorrectableECC    Status = 214
	ErrInvalidPTX          Status = 218
	ErrNoJITCompiler       Status = 221
	ErrUnsupportedPTX      Status = 222
	ErrInvalidHandle       Status = 400
	ErrIllegalState        Status = 401
	ErrNotFound            Status = 500
	ErrNotReady            Status = 600
	ErrIllegalAddress      Status = 700
	ErrOutOfResources      Status = 701
	ErrLaunchTimeout       Status = 702
	ErrContextDestroyed    Status = 709
	ErrAssert              Status = 710
	ErrIllegalInstruction  Status = 715
	ErrMisalignedAddress   Status = 716
	ErrLaunchFailed        Status = 719
	ErrCooperativeTooLarge Status = 720
	ErrNotSupported        Status = 801
	ErrSystemNotReady      Status = 802
	ErrDriverMismatch      Status = 803
	ErrCompatNotSupported  Status = 804
	ErrCaptureUnsupported  Status = 900
	ErrCaptureInvalidated  Status = 901
	ErrCaptureMerge        Status = 902
	ErrCaptureUnmatched    Status = 903
	ErrCaptureUnjoined     Status = 904
	ErrCaptureIsolation    Status = 905
	ErrCaptureImplicit     Status = 906
	ErrCapturedEvent       Status = 907
	ErrCaptureWrongThread  Status = 908
	ErrGraphUpdate         Status = 910
	ErrUnknown             Status = 999
	operatingSystem        Status = 304
)

// remedies are remedies for statuses whose text by the driver has none.
var remedies = map[Status]string{
	ErrStubLibrary:        "this libcuda is the toolkit's stub for linking, not the driver's: take its folder out of LD_LIBRARY_PATH, or install the driver",
	ErrDeviceUnavailable:  "another process has the card for itself (nvidia-smi shows which), or its compute mode forbids",
	ErrNoDevice:           "no card that CUDA can use: see what nvidia-smi says, whether CUDA_VISIBLE_DEVICES hides it, and whether the container was given one",
	ErrInvalidContext:     "the context is not current on this thread: call runtime.LockOSThread, then Context.SetCurrent",
	ErrNoBinaryForGPU:     "the image was compiled for another architecture: compile it for Device.Arch",
	ErrUnsupportedPTX:     "NVRTC is newer than the driver: use an NVRTC of the driver's CUDA version, or a newer driver",
	ErrIllegalAddress:     "a kernel read or wrote outside its memory, and the context is lost; compute-sanitizer says which",
	ErrMisalignedAddress:  "a kernel used an address that is not a multiple of the access's size, and the context is lost",
	ErrLaunchFailed:       "a kernel broke off, and the context is lost; compute-sanitizer says why",
	ErrOutOfResources:     "the kernel needs more registers or shared memory than a block of this size gets",
	ErrSystemNotReady:     "the cards' fabric manager is not running",
	ErrDriverMismatch:     "libcuda is of another version than the kernel module: reboot, or reload the module, after a driver's update",
	ErrCompatNotSupported: "CUDA's compatibility package is in use on a card or driver that it is not for: take it out of LD_LIBRARY_PATH, or install a newer driver",
	operatingSystem:       "the driver's device files cannot be used: see whether /dev/nvidia0 is there and may be opened",
	ErrCaptureUnsupported: "this may not be called during a capture",
	ErrCaptureInvalidated: "an earlier call broke the capture: end it and begin again",
	ErrCaptureUnjoined:    "another stream took part and did not come back: have the first wait for an event of it",
	ErrCaptureWrongThread: "another thread than the one that began it: capture in relaxed mode, or on one thread",
}

// names are the names of statuses for use before the driver is open.
var names = map[Status]string{
	0: "CUDA_SUCCESS", ErrInvalidValue: "CUDA_ERROR_INVALID_VALUE", ErrOutOfMemory: "CUDA_ERROR_OUT_OF_MEMORY", ErrNotInitialized: "CUDA_ERROR_NOT_INITIALIZED",
	ErrNoDevice: "CUDA_ERROR_NO_DEVICE", ErrInvalidDevice: "CUDA_ERROR_INVALID_DEVICE", ErrInvalidImage: "CUDA_ERROR_INVALID_IMAGE",
	ErrInvalidContext: "CUDA_ERROR_INVALID_CONTEXT", ErrInvalidHandle: "CUDA_ERROR_INVALID_HANDLE", ErrNotFound: "CUDA_ERROR_NOT_FOUND",
	ErrNotReady: "CUDA_ERROR_NOT_READY", ErrNotSupported: "CUDA_ERROR_NOT_SUPPORTED", ErrStubLibrary: "CUDA_ERROR_STUB_LIBRARY",
}

// driverOpen is set once the driver can be asked for names.
var driverOpen atomic.Bool

// Name returns the status's name in cuda.h, such as CUDA_ERROR_NOT_READY.
func (s Status) Name() string {
	if driverOpen.Load() {
		if n := cErrorName(s); n != "" {
			return n
		}
	}
	if n := names[s]; n != "" {
		return n
	}
	return "a status unknown here"
}

func (s Status) text() string {
	if driverOpen.Load() {
		return cErrorText(s)
	}
	return ""
}

// Error is the name, the number and the driver's text.
func (s Status) Error() string {
	if t := s.text(); t != "" {
		return fmt.Sprintf("%s (%d): %s", s.Name(), int(s), t)
	}
	return fmt.Sprintf("%s (%d)", s.Name(), int(s))
}
