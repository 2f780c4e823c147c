package cupti

// #cgo CFLAGS: -fvisibility=hidden -Wall
// #include <stdlib.h>
// #include "calls.h"
import "C"

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
	"unsafe"

	"shake/csrc/load"
)

// Kernel is one run of a kernel.
type Kernel struct {
	Name        string // of the function in its module
	Start, End  time.Duration
	Stream      uint32 // the library's own number
	Graph, Node uint64 // the library's numbers of the graph and its node; 0: launched by itself
	Grid, Block [3]int32
	Shared      int32  // dynamic shared memory in bytes
	Call        uint32 // number of the call that launched it; a graph's kernels have one
	Mark        uint64 // the number that was pushed at its launch; 0: none
}

// Error is an error of the library.
type Error struct {
	Op     string
	Status int // CUptiResult
	Text   string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("cupti: %s: %s (%d)", e.Op, e.Text, e.Status)
	switch e.Status {
	case C.CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
		s += ": the driver lets only administrators profile (NVreg_RestrictProfilingToAdminUsers)"
	case C.CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
		s += ": another profiler records this process"
	}
	return s
}

func failed(op string, status C.int) error {
	if status == C.CUPTI_SUCCESS {
		return nil
	}
	return &Error{op, int(status), C.GoString(C.sk_cupti_text(status))}
}

// Version opens the library and returns its version. Errors: those of load.Table.
// (cuptiGetVersion)
func Version() (string, error) {
	l := load.CUPTI
	major := 0
	if _, driver, err := load.Look(load.CUDA); err == nil {
		if fmt.Sscan(driver, &major); major > 0 { // as of NVRTC, no newer one than the driver's
			l = l.AtMost(major)
		}
	}
	table, err := load.Table(l)
	if err != nil {
		return "", err
	}
	C.sk_cupti_use(C.uintptr_t(uintptr(table)))
	_, v, err := load.Look(l)
	return v, err
}

var recording sync.Mutex

// Recorder collects kernels from Start to Stop.
type Recorder struct{ on bool }

// Start begins to record the kernels that are launched from now on. Errors: those of Version;
// *Error. (cuptiActivityEnable)
func Start() (*Recorder, error) {
	if _, err := Version(); err != nil {
		return nil, err
	}
	if !recording.TryLock() {
		return nil, &Error{"Start", 0, "this process has a Recorder already"}
	}
	if err := failed("Start", C.sk_cupti_start()); err != nil {
		recording.Unlock()
		return nil, err
	}
	return &Recorder{true}, nil
}

// Push marks the kernels that this thread launches up to Pop. Marks nest.
// (cuptiActivityPushExternalCorrelationId)
func (r *Recorder) Push(mark uint64) error {
	if r == nil || !r.on {
		return nil
	}
	return failed("Recorder.Push", C.sk_cupti_push(C.uint64_t(mark)))
}

// Pop ends the last mark. (cuptiActivityPopExternalCorrelationId)
func (r *Recorder) Pop() error {
	if r == nil || !r.on {
		return nil
	}
	return failed("Recorder.Pop", C.sk_cupti_pop())
}

// Stop ends the recording and returns the kernels in the order of their starts. Wait for the card
// first. The error says too that records were lost. (cuptiActivityFlushAll, cuptiActivityDisable)
func (r *Recorder) Stop() ([]Kernel, error) {
	if r == nil || !r.on {
		return nil, nil
	}
	r.on = false
	defer recording.Unlock()
	if err := failed("Recorder.Stop", C.sk_cupti_stop()); err != nil {
		return nil, err
	}
	var out []Kernel
	marks := map[uint32]uint64{}
	for {
		var x C.sk_cupti_item
		more := C.sk_cupti_next(&x)
		if more == 0 {
			break
		}
		if more < 0 {
			return nil, &Error{"Recorder.Stop", int(more), "a buffer of records is damaged"}
		}
		if x.external != 0 {
			marks[uint32(x.correlation)] = uint64(x.id)
			continue
		}
		k := Kernel{Name: C.GoString(x.name), Start: time.Duration(x.start), End: time.Duration(x.end), Stream: uint32(x.stream), Graph: uint64(x.graph), Node: uint64(x.node),
			Shared: int32(x.shared), Call: uint32(x.correlation)}
		C.free(unsafe.Pointer(x.name))
		for i := range k.Grid {
			k.Grid[i], k.Block[i] = int32(x.grid[i]), int32(x.block[i])
		}
		out = append(out, k)
	}
	for i := range out {
		out[i].Mark = marks[out[i].Call]
	}
	slices.SortStableFunc(out, func(a, b Kernel) int { return cmp.Compare(a.Start, b.Start) })
	if n := C.sk_cupti_lost(); n > 0 {
		return out, &Error{"Recorder.Stop", 0, fmt.Sprintf("%d buffers of records were lost for want of memory", int(n))}
	}
	return out, nil
}
