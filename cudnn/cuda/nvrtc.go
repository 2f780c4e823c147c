package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"shake/csrc/load"
)

// Binary is compiled device code.
type Binary struct {
	// A cubin; PTX if the architecture asked for is a virtual one (compute_90).
	Image  []byte
	Log    string // the compiler's warnings
	Cached bool   // whether a KernelCache had it
	Note   string // a KernelCache's problem with its folder; empty if all is well
}

// CompileError is NVRTC's refusal of a source or its options.
type CompileError struct {
	Name    string // of the source
	Options []string
	Status  int    // an nvrtcResult
	Text    string // its name, such as NVRTC_ERROR_COMPILATION
	Log     string // the compiler's messages
	Remedy  string // the remedy, if known
}

func (e *CompileError) Error() string {
	s := fmt.Sprintf("cuda: compiling %s (%s): %s (%d)", e.Name, strings.Join(e.Options, " "), e.Text, e.Status)
	if e.Remedy != "" {
		s += ": " + e.Remedy
	}
	if e.Log != "" {
		s += "\n" + e.Log
	}
	return s
}

// Compile turns CUDA C++ into code for one architecture by NVRTC, which needs no card. name stands
// for the file in messages. opts are NVRTC's, such as "--gpu-architecture=sm_90" (Device.Arch),
// "--std=c++17", "-DC=64", "--fmad=false"; without an architecture NVRTC takes its oldest. Sources
// can include files only from folders that the options name.
//
// Errors: those of load where NVRTC is missing or of another CUDA version than the driver;
// *CompileError, with the log, for a source or options that it refuses. (nvrtcCompileProgram,
// nvrtcGetCUBIN)
func Compile(src, name string, opts []string) (*Binary, error) {
	if err := openNVRTC(); err != nil {
		return nil, err
	}
	for _, s := range append([]string{src, name}, opts...) {
		if strings.ContainsRune(s, 0) {
			return nil, &CompileError{Name: name, Options: opts, Status: nvrtcInvalidInput, Text: "NVRTC_ERROR_INVALID_INPUT", Remedy: "the source, its name or an option has a zero byte"}
		}
	}
	fail := func(status int, log []byte) error {
		e := &CompileError{Name: name, Options: opts, Status: status, Text: cNVRTCText(status), Log: cString(log)}
		if arch := option(opts, "--gpu-architecture"); status == nvrtcInvalidOption && strings.Contains(e.Log, "--gpu-architecture") && arch != "" {
			e.Remedy = fmt.Sprintf("this NVRTC does not know %s: use one that does, or compile for one of %s", arch, archNames())
		}
		if strings.Contains(e.Log, "nvrtc-builtins") {
			e.Remedy = "libnvrtc-builtins of the same version has to lie beside libnvrtc: install NVRTC again"
		}
		return e
	}
	program, status := cNVRTCCreate(src, name)
	if status != 0 {
		return nil, fail(status, nil)
	}
	defer cNVRTCDestroy(program)
	compiled := cNVRTCCompile(program, opts)
	log, _ := cNVRTCRead(program, nvrtcLog) // a log that cannot be read is an empty one
	if compiled != 0 {
		return nil, fail(compiled, log)
	}
	image, status := cNVRTCRead(program, nvrtcCubin)
	if status != 0 || len(image) == 0 {
		image, status = cNVRTCRead(program, nvrtcPTX)
	}
	if status != 0 {
		return nil, fail(status, log)
	}
	return &Binary{Image: image, Log: cString(log)}, nil
}

const (
	nvrtcInvalidInput  = 3
	nvrtcInvalidOption = 5
)

// cString is the text before the zero that ends a C string.
func cString(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.TrimSpace(string(b))
}

// option returns the value of an option, given as name=value or as name and value.
func option(opts []string, name string) string {
	for i, o := range opts {
		if v, ok := strings.CutPrefix(o, name+"="); ok {
			return v
		}
		if o == name && i+1 < len(opts) {
			return opts[i+1]
		}
	}
	return ""
}

// NVRTCVersion returns NVRTC's CUDA version. Errors are those of load. (nvrtcVersion)
func NVRTCVersion() (major, minor int, err error) {
	if err := openNVRTC(); err != nil {
		return 0, 0, err
	}
	major, minor, status := cNVRTCVersion()
	if status != 0 {
		return 0, 0, fmt.Errorf("cuda: NVRTCVersion: %s", cNVRTCText(status))
	}
	return major, minor, nil
}

// NVRTCArchs lists the architectures that NVRTC compiles for, as 75 for sm_75. Errors are those of
// load. (nvrtcGetSupportedArchs)
func NVRTCArchs() ([]int, error) {
	if err := openNVRTC(); err != nil {
		return nil, err
	}
	archs, status := cNVRTCArchs()
	if status != 0 {
		return nil, fmt.Errorf("cuda: NVRTCArchs: %s", cNVRTCText(status))
	}
	return archs, nil
}

func archNames() string {
	archs, err := NVRTCArchs()
	if err != nil || len(archs) == 0 {
		return "those in its documentation"
	}
	var s []string
	for _, a := range archs {
		s = append(s, fmt.Sprintf("sm_%d", a))
	}
	return strings.Join(s, ", ")
}

var (
	nvrtcMu sync.Mutex
	nvrtcOn bool
)

// openNVRTC opens the newest NVRTC whose code the driver loads: its major version of CUDA is at
// most the driver's. Without a driver, any version will do.
func openNVRTC() error {
	nvrtcMu.Lock()
	defer nvrtcMu.Unlock()
	if nvrtcOn {
		return nil
	}
	lib := load.NVRTC
	major, minor, err := DriverVersion()
	if err == nil {
		lib = lib.AtMost(major)
	}
	table, err := load.Table(lib)
	if err != nil {
		var missing *load.NotFoundError
		if newer := load.Candidates(load.NVRTC); errors.As(err, &missing) && len(newer) > 0 {
			return fmt.Errorf("cuda: %s is too new for this driver, which is for CUDA %d.%d: %w", newer[0], major, minor, err)
		}
		return fmt.Errorf("cuda: %w", err)
	}
	useNVRTC(table)
	nvrtcOn = true
	return nil
}
