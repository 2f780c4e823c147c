package nccl

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"shake/csrc/emu"
	"shake/cudnn/cuda"
)

func TestMain(m *testing.M) {
	if os.Getenv(emu.RequireVariable) == "1" {
		if ds, err := cuda.Devices(); err != nil || len(ds) < 2 {
			emu.WithoutExamples("there are no two cards")
		}
	}
	emu.Main(m)
}

// rank is one rank of a test, on a card and a thread of its own.
type rank struct {
	*Comm
	t      *testing.T
	ctx    *cuda.Context
	stream *cuda.Stream
}

// alone is the only rank of a communicator.
func alone(t *testing.T, ctx *cuda.Context) rank {
	t.Helper()
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	comm, err := New(ctx, id, Config{World: 1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ctx.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	return rank{comm, t, ctx, s}
}

// ranks runs f on so many cards at once, and waits for all.
func ranks(t *testing.T, world int, c Config, f func(r rank)) {
	t.Helper()
	emu.Require(t)
	ds, err := cuda.Devices()
	if err != nil || len(ds) < world {
		t.Skipf("%d cards of %d: %v", len(ds), world, err)
	}
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range world {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ctx, err := ds[i].Primary()
			if err == nil {
				err = ctx.SetCurrent()
			}
			if err != nil {
				t.Error(err)
				return
			}
			config := c
			config.Rank, config.World = i, world
			comm, err := New(ctx, id, config)
			if err != nil {
				t.Error(err)
				return
			}
			s, err := ctx.NewStream()
			if err != nil {
				t.Error(err)
			}
			f(rank{comm, t, ctx, s})
			for _, err := range []error{s.Close(), ctx.Close()} {
				if err != nil {
					t.Errorf("rank %d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
}

func (r rank) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Errorf("rank %d: %v", r.Rank(), err)
	}
}

// alloc is device memory with these numbers in it.
func (r rank) alloc(v []float32) *cuda.Memory {
	m, err := r.ctx.Alloc(int64(4 * len(v)))
	r.check(err)
	r.check(r.stream.CopyToDevice(m.Ptr(), cuda.Bytes(v)))
	return m
}

func (r rank) read(p cuda.Ptr, n int) []float32 {
	v := make([]float32, n)
	r.check(r.stream.CopyToHost(cuda.Bytes(v), p))
	return v
}

func (r rank) want(what string, have []float32, want ...float32) {
	r.t.Helper()
	if !reflect.DeepEqual(have, want) {
		r.t.Errorf("rank %d: %s: have %v, want %v", r.Rank(), what, have, want)
	}
}

func TestCollectives(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		ranks(t, 2, Config{Blocking: blocking, MaxCTAs: 4}, func(r rank) {
			k := float32(r.Rank())
			x, y := r.alloc([]float32{k + 1, 3, -k}), r.alloc(make([]float32, 6))
			r.check(r.AllReduce(x.Ptr(), y.Ptr(), 3, F32, Sum, r.stream))
			r.want("sum", r.read(y.Ptr(), 3), 3, 6, -1)
			for _, c := range []struct {
				op   Op
				want float32
			}{{Prod, 2}, {Max, 2}, {Min, 1}, {Avg, 1.5}} {
				r.check(r.AllReduce(x.Ptr(), y.Ptr(), 1, F32, c.op, r.stream))
				r.want("reduction", r.read(y.Ptr(), 1), c.want)
			}
			r.check(r.Group(func() error {
				return errors.Join(r.AllGather(x.Ptr(), y.Ptr(), 3, F32, r.stream), r.Broadcast(x.Ptr(), x.Ptr(), 1, F32, 1, r.stream))
			}))
			r.want("gathered", r.read(y.Ptr(), 6), 1, 3, 0, 2, 3, -1)
			r.want("from rank 1", r.read(x.Ptr(), 3), 2, 3, -k)
			r.check(errors.Join(r.Close(), r.Close(), x.Close(), y.Close()))
		})
	}
}

// A captured call runs at every launch of its graph, and not before.
func TestCapture(t *testing.T) {
	ranks(t, 2, Config{}, func(r rank) {
		x := r.alloc([]float32{1})
		side, err := r.ctx.NewStream()
		r.check(err)
		fork, err := r.ctx.NewEvent(false)
		r.check(err)
		r.check(r.stream.BeginCapture(cuda.CaptureThreadLocal))
		r.check(errors.Join(fork.Record(r.stream), side.Wait(fork), r.AllReduce(x.Ptr(), x.Ptr(), 1, F32, Sum, side), fork.Record(side), r.stream.Wait(fork)))
		g, err := r.stream.EndCapture()
		r.check(err)
		exec, err := g.Instantiate()
		r.check(err)
		r.want("before", r.read(x.Ptr(), 1), 1)
		for range 5 {
			r.check(exec.Launch(r.stream))
		}
		r.want("after five launches", r.read(x.Ptr(), 1), 32)
		r.check(errors.Join(exec.Close(), g.Close(), r.Close(), fork.Close(), side.Close(), x.Close()))
	})
}

// A call that rank 1 never makes ends when rank 0 aborts, or closes; the death of rank 1 is seen.
func TestAbort(t *testing.T) {
	for _, how := range []string{"abort", "close"} {
		t.Run(how, func(t *testing.T) {
			var called, gone sync.WaitGroup
			called.Add(1)
			gone.Add(1)
			ranks(t, 2, Config{}, func(r rank) {
				if r.Rank() == 1 {
					called.Wait()
					r.check(r.Abort())
					gone.Done()
					return
				}
				x := r.alloc([]float32{1})
				r.check(r.AllReduce(x.Ptr(), x.Ptr(), 1, F32, Sum, r.stream))
				called.Done()
				gone.Wait()
				for i := 0; i < 500 && r.AsyncError() == nil; i++ {
					time.Sleep(10 * time.Millisecond)
				}
				if err := r.AsyncError(); !errors.Is(err, ErrRemote) || !strings.Contains(err.Error(), "rank 1") {
					t.Errorf("the death of rank 1: %v", err)
				}
				if how == "abort" {
					r.check(errors.Join(r.Abort(), r.Abort(), r.Close()))
				} else if err := r.Close(); !errors.Is(err, ErrAborted) {
					t.Errorf("closing: %v", err)
				}
				r.check(r.stream.Synchronize())
				if err := r.AllReduce(x.Ptr(), x.Ptr(), 1, F32, Sum, r.stream); !errors.Is(err, ErrAborted) {
					t.Errorf("after the abort: %v", err)
				}
				r.check(x.Close())
			})
		})
	}
}

// Close ends a call that hangs although nothing failed: rank 1 is there, and does not call. Abort
// of another goroutine ends it sooner.
func TestCloseEndsAHang(t *testing.T) {
	before := closeWait
	defer func() { closeWait = before }()
	for _, c := range []struct {
		name            string
		blocking, abort bool
	}{{"close", false, false}, {"close of a blocking one", true, false}, {"abort", false, true}, {"abort of a blocking one", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			if closeWait = 300 * time.Millisecond; c.abort {
				closeWait = time.Minute
			}
			var done sync.WaitGroup
			done.Add(1)
			ranks(t, 2, Config{Blocking: c.blocking}, func(r rank) {
				if r.Rank() == 1 {
					done.Wait()
					r.check(r.Abort())
					return
				}
				defer done.Done()
				x := r.alloc([]float32{1})
				r.check(r.AllReduce(x.Ptr(), x.Ptr(), 1, F32, Sum, r.stream))
				from := time.Now()
				if c.abort {
					time.AfterFunc(200*time.Millisecond, func() { r.check(r.Abort()) })
				}
				err := r.Close()
				took := time.Since(from)
				switch {
				case c.abort && (err != nil || took > closeWait/2):
					t.Errorf("an aborted close took %v: %v", took, err)
				case !c.abort && (!errors.Is(err, ErrAborted) || !strings.Contains(err.Error(), "rank 0 of 2: work under way was not done within 300ms") || took < closeWait || took > closeWait+10*time.Second):
					t.Errorf("closing took %v: %v", took, err)
				}
				r.check(errors.Join(r.stream.Synchronize(), x.Close()))
			})
		})
	}
}

// Close of a blocking communicator waits for a graph with a captured call that was launched on a
// stream of which the communicator knows nothing, and ends it if rank 1 never launches its own.
func TestCloseOfGraphs(t *testing.T) {
	before := closeWait
	defer func() { closeWait = before }()
	for _, hangs := range []bool{false, true} {
		t.Run(fmt.Sprint("a hang: ", hangs), func(t *testing.T) {
			if closeWait = time.Minute; hangs {
				closeWait = 300 * time.Millisecond
			}
			var done sync.WaitGroup
			done.Add(1)
			ranks(t, 2, Config{Blocking: true}, func(r rank) {
				if r.Rank() == 1 && hangs {
					done.Wait()
					r.check(r.Abort())
					return
				}
				x := r.alloc([]float32{1})
				other, err := r.ctx.NewStream()
				r.check(err)
				r.check(r.stream.BeginCapture(cuda.CaptureThreadLocal))
				r.check(r.AllReduce(x.Ptr(), x.Ptr(), 1, F32, Sum, r.stream))
				g, err := r.stream.EndCapture()
				r.check(err)
				exec, err := g.Instantiate()
				r.check(err)
				r.check(errors.Join(exec.Launch(other), exec.Close(), g.Close()))
				if err := r.Close(); hangs != errors.Is(err, ErrAborted) || !hangs && err != nil {
					t.Errorf("rank %d: %v", r.Rank(), err)
				}
				r.check(other.Synchronize())
				if hangs {
					done.Done()
				} else {
					r.want("after closing", r.read(x.Ptr(), 1), 2)
				}
				r.check(errors.Join(other.Close(), x.Close()))
			})
		})
	}
}

// A group that the library goes on with is waited for, and Abort ends the wait.
func TestGroupInProgress(t *testing.T) {
	emu.Only(t)
	ctx := first(t)
	for busy, want := range map[string]error{"40": nil, "600000": ErrAborted} {
		t.Setenv("SHAKE_EMU_NCCL", "group="+busy)
		r := alone(t, ctx)
		comm, s := r.Comm, r.stream
		x := r.alloc([]float32{7})
		if want != nil {
			time.AfterFunc(50*time.Millisecond, func() { r.check(comm.Abort()) })
		}
		ended := make(chan struct{})
		go func() { // a test that hangs says so
			select {
			case <-ended:
			case <-time.After(time.Minute):
				panic("Group does not end")
			}
		}()
		from := time.Now()
		err := comm.Group(func() error { return comm.AllReduce(x.Ptr(), x.Ptr(), 1, F32, Sum, s) })
		close(ended)
		if !errors.Is(err, want) || time.Since(from) < 30*time.Millisecond {
			t.Errorf("%s ms: after %v: have %v, want %v", busy, time.Since(from), err, want)
		}
		r.check(errors.Join(comm.Close(), s.Synchronize(), x.Close(), s.Close()))
	}
}

// Close and Abort in a group's function are errors, and the group ends after a panic.
func TestWithinGroup(t *testing.T) {
	ctx := first(t)
	r := alone(t, ctx)
	comm, s := r.Comm, r.stream
	x, y := r.alloc([]float32{7}), r.alloc([]float32{0})
	for name, call := range map[string]func() error{"Comm.Close": comm.Close, "Comm.Abort": comm.Abort} {
		if err := comm.Group(call); !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), "called by the function of a group") {
			t.Errorf("%s: %v", name, err)
		}
	}
	func() {
		defer func() {
			if recover() != "out" {
				t.Error("the panic is lost")
			}
		}()
		comm.Group(func() error {
			r.check(comm.AllReduce(x.Ptr(), y.Ptr(), 1, F32, Sum, s))
			panic("out")
		})
	}()
	r.want("of the group that panicked", r.read(y.Ptr(), 1), 7)
	r.check(comm.AllReduce(y.Ptr(), x.Ptr(), 1, F32, Sum, s))
	r.check(errors.Join(s.Synchronize(), comm.Close(), x.Close(), y.Close(), s.Close()))
}

// While the library aborts, which takes until graphs end, other calls are errors and do not wait;
// Close does.
func TestDuringAbort(t *testing.T) {
	emu.Only(t)
	t.Setenv("SHAKE_EMU_NCCL", "abort=500")
	r := alone(t, first(t))
	begun, ended := make(chan struct{}), make(chan time.Time, 1)
	go func() {
		close(begun)
		r.check(r.Abort())
		ended <- time.Now()
	}()
	<-begun
	for end := time.Now().Add(10 * time.Second); r.AsyncError() == nil && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if err := r.AsyncError(); !errors.Is(err, ErrAborted) || len(ended) > 0 {
		t.Errorf("during the abort: %v, and it has ended: %v", err, len(ended) > 0)
	}
	r.check(r.Close())
	if closed, at := time.Now(), <-ended; closed.Before(at.Add(-100 * time.Millisecond)) {
		t.Errorf("Close did not wait: %v before the end of Abort", at.Sub(closed))
	}
}
