package nccl

import (
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"shake/csrc/emu"
	"shake/csrc/load"
	"shake/cudnn/cuda"
)

// first is the first card's context, current on this thread.
func first(t *testing.T) *cuda.Context {
	t.Helper()
	emu.Require(t)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	ds, err := cuda.Devices()
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := ds[0].Primary()
	if err == nil {
		err = ctx.SetCurrent()
	}
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func TestMisuse(t *testing.T) {
	ctx := first(t)
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		ctx  *cuda.Context
		id   ID
		c    Config
		want string
	}{
		{"no context", nil, id, Config{World: 1}, "closed or nil"},
		{"no ranks", ctx, id, Config{}, "rank 0 of 0"},
		{"a rank too many", ctx, id, Config{Rank: 2, World: 2}, "rank 2 of 2: want 0 to 1"},
		{"no id", ctx, ID{}, Config{World: 1}, "NewID"},
		{"multiprocessors", ctx, id, Config{World: 1, MinCTAs: 3, MaxCTAs: 2}, "from 3 to 2"},
		{"an id of nobody", ctx, ID{1}, Config{World: 1}, "ncclInvalidArgument (4)"},
		{"ranks that do not come", ctx, id, Config{World: 2, Timeout: 20 * time.Millisecond}, "rank 0 of 2: not all ranks came within 20ms"},
	} {
		if c.id == (ID{1}) {
			emu.Only(t)
		}
		if _, err := New(c.ctx, c.id, c.c); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: have %v, want %q", c.name, err, c.want)
		} else if c.c.Timeout > 0 && !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: no ErrTimeout: %v", c.name, err)
		}
	}
	if id, err = NewID(); err != nil {
		t.Fatal(err)
	}
	comm, err := New(ctx, id, Config{World: 1})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := ctx.NewStream()
	shut, _ := ctx.NewStream()
	shut.Close()
	m, err := ctx.Alloc(64)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p := m.Ptr()
	nothing := func() error { return nil }
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no such operation", comm.AllReduce(p, p, 1, F32, 5, s), "operation 5"},
		{"no such type", comm.AllReduce(p, p, 1, 10, Sum, s), "type 10"},
		{"fewer than no elements", comm.AllReduce(p, p, -1, F32, Sum, s), "-1 elements"},
		{"too many elements", comm.AllReduce(p, p, math.MaxInt64/2, F64, Sum, s), "elements"},
		{"address 0", comm.AllReduce(0, p, 1, F32, Sum, s), "address 0"},
		{"an odd address", comm.AllReduce(p+2, p+2, 1, F32, Sum, s), "multiple of 4"},
		{"overlap", comm.AllReduce(p, p+4, 2, F32, Sum, s), "overlap"},
		{"overlap of a broadcast", comm.Broadcast(p, p+4, 2, F32, 0, s), "overlap"},
		{"no such root", comm.Broadcast(p, p, 2, F32, 1, s), "root 1 of 1"},
		{"overlap of a gathering", comm.AllGather(p+4, p, 2, F32, s), "own place"},
		{"no stream", comm.AllReduce(p, p, 1, F32, Sum, nil), "stream is closed or nil"},
		{"a closed stream", comm.AllReduce(p, p, 1, F32, Sum, shut), "stream is closed or nil"},
		{"a group of nothing", comm.Group(nil), "no function"},
		{"a group in a group", comm.Group(func() error { return comm.Group(nothing) }), "a group in a group"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: have %v, want %q", c.name, c.err, c.want)
		}
	}
	var wrong error
	var other sync.WaitGroup
	other.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		wrong = comm.AllReduce(p, p, 1, F32, Sum, s)
	})
	other.Wait()
	if wrong == nil || !strings.Contains(wrong.Error(), "not current on this thread") {
		t.Errorf("another thread: %v", wrong)
	}
	if ds, _ := cuda.Devices(); len(ds) > 1 {
		second, err := ds[1].Primary()
		if err == nil {
			err = second.SetCurrent()
		}
		if err != nil {
			t.Fatal(err)
		}
		theirs, _ := second.NewStream()
		if err := comm.AllReduce(p, p, 1, F32, Sum, theirs); err == nil || !strings.Contains(err.Error(), "another context") {
			t.Errorf("another card's stream: %v", err)
		}
		theirs.Close()
		second.Close()
		ctx.SetCurrent()
	}
	if ready, err := comm.Ready(); !ready || err != nil {
		t.Errorf("ready: %v, %v", ready, err)
	}
	if err := errors.Join(comm.Group(nothing), comm.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// Every method of a nil or closed communicator is an error, and none a panic.
func TestNilAndClosed(t *testing.T) {
	for _, c := range []*Comm{nil, {}} {
		v := reflect.ValueOf(c)
		for i := range v.NumMethod() {
			name := v.Type().Method(i).Name
			args := make([]reflect.Value, v.Method(i).Type().NumIn())
			for j := range args {
				args[j] = reflect.Zero(v.Method(i).Type().In(j))
			}
			if name == "Group" {
				args[0] = reflect.ValueOf(func() error { return nil })
			}
			if name == "Broadcast" && c != nil {
				c.config.World = 1
			}
			out := v.Method(i).Call(args)
			err, _ := out[len(out)-1].Interface().(error)
			if quiet := name == "Close" || name == "Abort" || name == "Rank" || name == "World"; !quiet && !errors.Is(err, ErrClosed) {
				t.Errorf("%s of %v: have %v, want ErrClosed", name, c, err)
			} else if quiet && err != nil {
				t.Errorf("%s of %v: %v", name, c, err)
			}
		}
	}
}

func TestOldLibrary(t *testing.T) {
	emu.Only(t)
	t.Setenv("SHAKE_EMU_NCCL", "version=21703")
	var old *load.VersionError
	if _, err := Version(); !errors.As(err, &old) || !strings.Contains(err.Error(), "version 2.17.3, and 2.18 is the oldest") {
		t.Errorf("have %v", err)
	}
	t.Setenv("SHAKE_EMU_NCCL", "version=22809; init=2")
	if v, err := Version(); v != "2.28.9" || err != nil {
		t.Errorf("have %q, %v", v, err)
	}
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(first(t), id, Config{World: 1}); !errors.Is(err, ErrSystem) || !strings.Contains(err.Error(), "--shm-size") {
		t.Errorf("no shared memory: %v", err)
	}
	t.Setenv("SHAKE_EMU_NCCL", "none=1")
	if c, err := Start(first(t), id, Config{World: 1}); c != nil || !errors.Is(err, ErrInternal) {
		t.Errorf("no communicator: %v, %v", c, err)
	}
}
