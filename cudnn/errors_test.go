package cudnn

import (
	"errors"
	"fmt"
	"testing"
)

func TestError(t *testing.T) {
	all := []error{ErrNotSupported, ErrInvalid, ErrOutOfMemory, ErrVersion, ErrClosed, ErrThread, ErrOffline}
	for _, c := range []struct {
		have *Error
		text string
		is   error
	}{
		{&Error{Op: "ConvForward", On: "x=[1 2 3 4] f32 nhwc", Status: statusNotSupported, Detail: "why"},
			"cudnn: ConvForward x=[1 2 3 4] f32 nhwc: CUDNN_STATUS_NOT_SUPPORTED: why", ErrNotSupported},
		{&Error{Op: "Run", Status: 3004}, "cudnn: Run: CUDNN_STATUS_NOT_SUPPORTED_LAYOUT", ErrNotSupported},
		{&Error{Op: "Run", Status: 3999}, "cudnn: Run: CUDNN_STATUS 3999", ErrNotSupported},
		{&Error{Op: "Run", Status: 2003}, "cudnn: Run: CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER", ErrInvalid},
		{&Error{Op: "Run", Status: statusDeviceAllocationFailed}, "cudnn: Run: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", ErrOutOfMemory},
		{&Error{Op: "New", Status: statusSublibraryVersion}, "cudnn: New: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", ErrVersion},
		{&Error{Op: "Run", Status: 5000}, "cudnn: Run: CUDNN_STATUS_EXECUTION_FAILED", nil},
		{&Error{Op: "Run", Detail: "the plan", kind: ErrClosed}, "cudnn: Run: closed: the plan", ErrClosed},
		{invalid("Slice", "%d", 3), "cudnn: Slice: invalid argument: 3", ErrInvalid},
	} {
		if have := c.have.Error(); have != c.text {
			t.Errorf("have %q\nwant %q", have, c.text)
		}
		for _, target := range all {
			if have := errors.Is(fmt.Errorf("wrapped: %w", c.have), target); have != (target == c.is) {
				t.Errorf("%v is %v: have %v", c.have, target, have)
			}
		}
	}
	if !errors.Is(&Error{Op: "a", Status: 5000}, &Error{Op: "b", Status: 5000}) || errors.Is(&Error{Op: "a"}, &Error{Op: "b"}) {
		t.Error("errors are equal by status, if they have one")
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct{ have, want string }{
		{"", ""},
		{"one thing\nanother\n", "one thing"},
		{"{\"engineId\":1}\nWarning: CUDNN_STATUS_NOT_SUPPORTED; Reason: a < b\nWarning: X; Reason: f(x)\nWarning: X; Reason: g(x)\n", "a < b; f(x)"},
	} {
		if have := shorten(c.have); have != c.want {
			t.Errorf("%q: have %q, want %q", c.have, have, c.want)
		}
	}
}
