package nccl

import (
	"errors"
	"fmt"
)

// Status is an ncclResult_t. As an error it is a target for errors.Is.
type Status int

// The statuses of NCCL.
const (
	ErrUnhandledCUDA   Status = 1
	ErrSystem          Status = 2
	ErrInternal        Status = 3
	ErrInvalidArgument Status = 4
	ErrInvalidUsage    Status = 5
	ErrRemote          Status = 6 // a peer, or the way to it, was lost
	inProgress         Status = 7
)

// Errors without a status of the library.
var (
	// ErrClosed is matched by the errors of using a closed or nil communicator.
	ErrClosed = errors.New("closed or nil")
	// ErrAborted is matched by the errors of calls that Abort ended, and of those after it.
	ErrAborted = errors.New("aborted")
	// ErrTimeout is matched by the error of New when ranks did not come in time.
	ErrTimeout = errors.New("not in time")
)

var names = map[Status]string{
	ErrUnhandledCUDA: "ncclUnhandledCudaError", ErrSystem: "ncclSystemError", ErrInternal: "ncclInternalError",
	ErrInvalidArgument: "ncclInvalidArgument", ErrInvalidUsage: "ncclInvalidUsage", ErrRemote: "ncclRemoteError", inProgress: "ncclInProgress",
}

// remedies are remedies for statuses whose text by the library has none.
var remedies = map[Status]string{
	ErrUnhandledCUDA: "the card or its driver refused a call: see nvidia-smi, and NCCL_DEBUG=WARN for the reason",
	ErrSystem:        "the system refused a call: shared memory (a container has 64 MB: start it with --shm-size=1g or --ipc=host), or sockets (NCCL_SOCKET_IFNAME names an interface); NCCL_DEBUG=WARN says which",
	ErrRemote:        "another rank ended, or the network to it broke",
}

// Name returns the status's name in nccl.h, such as ncclRemoteError.
func (s Status) Name() string {
	if n := names[s]; n != "" {
		return n
	}
	return "a status unknown here"
}

// Error is the name and the number.
func (s Status) Error() string { return fmt.Sprintf("%s (%d)", s.Name(), int(s)) }

// Error is the error of a failed call.
type Error struct {
	Op     string // the call, such as "Comm.AllReduce"
	Status Status // the library's number; 0 where the fault was seen before the library was called
	Detail string // the arguments, the fault in them, the library's last message, the remedy
	cause  error
}

// Error writes for instance
//
//	nccl: Comm.AllReduce: ncclRemoteError (6): remote process exited or there was a network error
func (e *Error) Error() string {
	s := "nccl: " + e.Op
	if e.Status != 0 {
		s += ": " + e.Status.Error()
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Is makes errors.Is(err, ErrRemote) look at the status.
func (e *Error) Is(target error) bool {
	s, ok := target.(Status)
	return ok && s != 0 && s == e.Status
}

// Unwrap returns ErrClosed, ErrAborted or ErrTimeout, where one is the reason.
func (e *Error) Unwrap() error { return e.cause }

// failed makes the error of a status; success is nil. last is the library's last message.
func failed(op string, s Status, last string) error {
	if s == 0 {
		return nil
	}
	detail := cErrorString(s)
	if last != "" {
		detail += ": " + last
	}
	if r := remedies[s]; r != "" {
		detail += "; " + r
	}
	return &Error{Op: op, Status: s, Detail: detail}
}

// invalid is the error of an argument that is refused before the library sees it.
func invalid(op, detail string, args ...any) error {
	return &Error{Op: op, Status: ErrInvalidArgument, Detail: fmt.Sprintf(detail, args...)}
}
