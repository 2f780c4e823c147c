package cudnn

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of *Error, for errors.Is.
var (
	// ErrNotSupported: no engine of this library takes the operation on this card, or none under
	// the given options; or the library takes no such graph at all.
	ErrNotSupported = errors.New("not supported by this cuDNN on this card")
	// ErrInvalid: the operation makes no sense (shapes, types, pointers), on any card.
	ErrInvalid = errors.New("invalid argument")
	// ErrOutOfMemory: the library could not allocate, on the host or on the card.
	ErrOutOfMemory = errors.New("out of memory")
	// ErrVersion: the cuDNN that was found has a version that this package does not support.
	ErrVersion = errors.New("wrong cuDNN version")
	// ErrClosed: the handle or plan is closed.
	ErrClosed = errors.New("closed")
	// ErrThread: the call came on another thread than the handle's.
	ErrThread = errors.New("wrong thread")
	// ErrOffline: the handle describes a card but has none, so it can plan and not run.
	ErrOffline = errors.New("no card behind this handle")
)

// Status is the library's own result (cudnnStatus_t); 0 for errors that this package finds itself.
type Status int

// Error says which operation failed and why.
type Error struct {
	Op     string // "ConvForward"
	On     string // the operands: "x=[128 64 32 32] bf16 nhwc w=..."; may be empty
	Status Status // the library's status, or 0
	Detail string // the library's last message, or this package's
	kind   error  // one of the Err above, or nil
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cudnn: " + e.Op)
	if e.On != "" {
		b.WriteString(" " + e.On)
	}
	if e.Status != 0 {
		b.WriteString(": " + e.Status.String())
	} else if e.kind != nil {
		b.WriteString(": " + e.kind.Error())
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}

// Is makes errors.Is(err, ErrNotSupported) and the like work; two errors of one status are equal
// too.
func (e *Error) Is(target error) bool {
	if t, ok := target.(*Error); ok {
		return t.Status != 0 && t.Status == e.Status
	}
	switch target {
	case ErrNotSupported:
		return e.kind == target || e.Status/1000 == 3
	case ErrInvalid:
		return e.kind == target || e.Status/1000 == 2
	case ErrOutOfMemory:
		return e.kind == target || e.Status == statusHostAllocationFailed || e.Status == statusDeviceAllocationFailed
	case ErrVersion:
		return e.kind == target || e.Status == statusSublibraryVersion || e.Status == statusSerializationVersion
	}
	return e.kind != nil && e.kind == target
}

func invalid(op, format string, args ...any) *Error {
	return &Error{Op: op, Detail: fmt.Sprintf(format, args...), kind: ErrInvalid}
}

// shorten takes the essence of a message of the library: its first two reasons, or its first line.
func shorten(message string) string {
	var reasons []string
	first := ""
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		if first == "" && !strings.HasPrefix(line, "{") {
			first = line
		}
		if _, reason, ok := strings.Cut(line, "Reason: "); ok && len(reasons) < 2 {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) > 0 {
		return strings.Join(reasons, "; ")
	}
	return first
}
