package cuda

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// TestNilAndClosed calls every method of every type on nil and on a zero value: none panics, and
// methods with an effect return ErrClosed.
func TestNilAndClosed(t *testing.T) {
	quiet := map[string]bool{"Close": true, "Is": true, "Error": true, "Unwrap": true, "Name": true, "String": true}
	for _, v := range []any{
		(*Context)(nil), &Context{}, (*Memory)(nil), &Memory{}, (*Pinned)(nil), &Pinned{}, (*Stream)(nil), &Stream{}, (*Event)(nil), &Event{},
		(*Module)(nil), &Module{}, (*Function)(nil), &Function{}, (*Call)(nil), &Call{}, (*Graph)(nil), &Graph{}, (*GraphExec)(nil), &GraphExec{},
	} {
		rv := reflect.ValueOf(v)
		for i := range rv.NumMethod() {
			m, name := rv.Method(i), rv.Type().Method(i).Name
			args := make([]reflect.Value, m.Type().NumIn())
			for j := range args {
				args[j] = reflect.Zero(m.Type().In(j))
			}
			call := m.Call
			if m.Type().IsVariadic() {
				call = m.CallSlice
			}
			out := call(args)
			if len(out) == 0 || quiet[name] {
				continue
			}
			if err, ok := out[len(out)-1].Interface().(error); ok && !errors.Is(err, ErrClosed) {
				t.Errorf("%T.%s: have %v, want ErrClosed", v, name, err)
			} else if !ok && m.Type().Out(len(out)-1) == reflect.TypeFor[error]() {
				t.Errorf("%T.%s: no error", v, name)
			}
		}
	}
}

// TestMisuse gives wrong arguments, on the null driver, which accepts everything.
func TestMisuse(t *testing.T) {
	if !onNull(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	e := must(ctx.NewEvent(false))
	timed := must(ctx.NewEvent(true))
	m := must(ctx.LoadModule([]byte("ptx")))
	f := must(m.Function("two"))
	one := Launch{Grid: [3]uint32{1}, Block: [3]uint32{32}}
	call := must(f.NewCall(one, Ptr(1), float32(2)))
	mem := must(ctx.Alloc(16))
	shut := must(ctx.NewStream())
	shut.Close()
	ignore := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name string
		err  error
		is   error
		want string
	}{
		{"no bytes", ignore(ctx.Alloc(0)), ErrInvalidValue, "0 bytes"},
		{"less than no bytes", ignore(ctx.Alloc(-1)), ErrInvalidValue, "-1 bytes"},
		{"no pinned bytes", ignore(ctx.AllocPinned(0)), ErrInvalidValue, "0 bytes"},
		{"copy to nowhere", s.CopyToDevice(0, []byte{1}), ErrInvalidValue, "address 0"},
		{"copy from nowhere", s.CopyToHost([]byte{1}, 0), ErrInvalidValue, "address 0"},
		{"copy on nil", (*Stream)(nil).CopyToDevice(1, []byte{1}), ErrClosed, "stream"},
		{"negative copy", s.CopyDevice(1, 2, -1), ErrInvalidValue, "-1"},
		{"device copy from nowhere", s.CopyDevice(1, 0, 1), ErrInvalidValue, "address 0"},
		{"odd address", s.Memset32(6, 0, 1), ErrInvalidValue, "multiple of 4"},
		{"odd address of halves", s.Memset16(7, 0, 1), ErrInvalidValue, "multiple of 2"},
		{"negative memset", s.Memset8(6, 0, -1), ErrInvalidValue, "-1"},
		{"copy without timing", ignore(timed.Since(e)), ErrInvalidValue, "timing"},
		{"wait for nil", s.Wait(nil), ErrClosed, "event"},
		{"record on a closed stream", e.Record(shut), ErrClosed, "stream"},
		{"empty image", ignore(ctx.LoadModule(nil)), ErrInvalidImage, "no bytes"},
		{"damaged cubin", ignore(ctx.LoadModule([]byte("\x7fELF"))), ErrInvalidImage, "damaged"},
		{"zero byte in a name", ignore(m.Function("a\x00b")), ErrInvalidValue, "zero byte"},
		{"too few arguments", ignore(f.NewCall(one, Ptr(1))), ErrInvalidValue, "takes 2 arguments, have 1"},
		{"too many arguments", ignore(f.NewCall(one, Ptr(1), float32(1), int32(1))), ErrInvalidValue, "takes 2 arguments, have 3"},
		{"wrong size", ignore(f.NewCall(one, Ptr(1), 1.5)), ErrInvalidValue, "argument 1 of kernel \"two\": float64 has 8 bytes, the parameter 4"},
		{"int", ignore(f.NewCall(one, Ptr(1), 7)), ErrInvalidValue, "say int32"},
		{"nil argument", ignore(f.NewCall(one, Ptr(1), nil)), ErrInvalidValue, "nil cannot"},
		{"memory itself", ignore(f.NewCall(one, mem, float32(1))), ErrInvalidValue, "Ptr()"},
		{"a slice", ignore(f.NewCall(one, []float32{1}, float32(1))), ErrInvalidValue, "[]float32 cannot"},
		{"no blocks", ignore(f.NewCall(Launch{Block: [3]uint32{1}}, Ptr(1), float32(1))), ErrInvalidValue, "no blocks"},
		{"no threads", ignore(f.NewCall(Launch{Grid: [3]uint32{1}}, Ptr(1), float32(1))), ErrInvalidValue, "no threads"},
		{"too many threads", call.SetLaunch(Launch{Grid: [3]uint32{1}, Block: [3]uint32{1 << 31, 2, 1 << 31}}), ErrInvalidValue, "more than 1024"},
		{"set beyond", call.Set(2, Ptr(1)), ErrInvalidValue, "which has 2"},
		{"set before", call.Set(-1, Ptr(1)), ErrInvalidValue, "argument -1"},
		{"set another size", call.Set(1, int64(1)), ErrInvalidValue, "8 bytes, want 4"},
		{"set nothing", call.Set(1, nil), ErrInvalidValue, "nil cannot"},
		{"run on nil", call.Run(nil), ErrClosed, "stream"},
		{"run on closed", call.Run(shut), ErrClosed, "stream"},
		{"occupancy of no threads", ignore(f.Occupancy(0, 0)), ErrInvalidValue, "0 threads"},
		{"negative shared memory", f.SetMaxDynamicShared(-1), ErrInvalidValue, "-1 bytes"},
		{"capture mode", s.BeginCapture(7), ErrInvalidValue, "mode 7"},
		{"foreign device", ignore(Device{}.Primary()), ErrInvalidValue, "Devices"},
	} {
		var typed *Error
		if !errors.As(c.err, &typed) || !errors.Is(c.err, c.is) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: have %v, want %v with %q", c.name, c.err, c.is, c.want)
		}
	}
	for _, err := range []error{s.CopyToDevice(0, nil), s.CopyToHost(nil, 0), s.CopyDevice(0, 0, 0), s.Memset8(0, 0, 0), s.Memset32(0, 0, 0)} {
		if err != nil {
			t.Errorf("copying nothing: %v", err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := call.Run(s); !errors.Is(err, ErrClosed) {
		t.Errorf("a kernel of a closed module: have %v", err)
	}
}

// TestCloseOrder closes the context too early, then in order, and everything twice.
func TestCloseOrder(t *testing.T) {
	if !onNull(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	e := must(ctx.NewEvent(true))
	mem, pin := must(ctx.Alloc(1)), must(ctx.AllocPinned(1))
	m := must(ctx.LoadModule([]byte("ptx")))
	g := must(s.EndCapture())
	x := must(g.Instantiate())
	twin := must(ctx.Device().Primary())
	if err := twin.Close(); err != nil || !ctx.IsCurrent() {
		t.Errorf("closing another reference to the context: %v, current: %v", err, ctx.IsCurrent())
	}
	err := ctx.Close()
	if !errors.Is(err, ErrIllegalState) || !strings.Contains(err.Error(), "1 memory, 1 pinned memory, 1 stream, 1 event, 1 module, 1 graph, 1 executable graph") {
		t.Errorf("closing too early: %v", err)
	}
	done := make(chan struct{})
	go func() { // on another thread, where no context is current
		defer close(done)
		for range 2 {
			for _, c := range []interface{ Close() error }{s, e, mem, pin, m, g, x} {
				if err := c.Close(); err != nil {
					t.Errorf("%T: %v", c, err)
				}
			}
		}
	}()
	<-done
	for range 2 {
		if err := ctx.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := ctx.Alloc(1); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed context: %v", err)
	}
	if pin.Bytes() != nil || mem.Ptr() != 0 {
		t.Error("closed memory has an address")
	}
}

// TestWrongThread makes objects on a thread where the context is not current.
func TestWrongThread(t *testing.T) {
	if !onNull(t) {
		return
	}
	ctx := current(t)
	other := must(must(Devices())[1].Primary())
	m := must(ctx.LoadModule([]byte("ptx")))
	s := must(ctx.NewStream())
	f := must(m.Function("two"))
	g := must(s.EndCapture())
	x := must(g.Instantiate())
	ignore := func(_ any, err error) error { return err }
	for _, where := range []string{"none", "other"} {
		errs := make(chan error, 20)
		go func() {
			defer close(errs)
			runtime.LockOSThread()
			if where == "other" {
				if err := other.SetCurrent(); err != nil {
					t.Error(err)
				}
			}
			_, _, info := ctx.MemInfo()
			_, _, priorities := ctx.StreamPriorities()
			_, _, global := m.Global("x")
			for _, err := range []error{ignore(ctx.Alloc(1)), ignore(ctx.AllocPinned(1)), ignore(ctx.NewStream()), ignore(ctx.NewEvent(true)), ignore(ctx.LoadModule([]byte("ptx"))),
				ctx.Synchronize(), info, priorities, global, ignore(m.Function("two")), s.BeginCapture(CaptureRelaxed), ignore(g.Instantiate()), x.Update(g),
				f.SetMaxDynamicShared(1), ignore(f.Occupancy(32, 0))} {
				errs <- err
			}
			if ctx.IsCurrent() {
				t.Error("it says that it is current")
			}
		}()
		n := 0
		for err := range errs {
			if !errors.Is(err, ErrInvalidContext) || !strings.Contains(err.Error(), "SetCurrent") {
				t.Errorf("%s, call %d: have %v, want ErrInvalidContext and what to do", where, n, err)
			}
			n++
		}
	}
}

func TestOutOfMemory(t *testing.T) {
	if !onNull(t, "SK_NULL_cuMemAlloc_v2=2", "SK_NULL_cuMemHostAlloc=2", "SK_NULL_cuGraphInstantiateWithFlags=2") {
		return
	}
	ctx := current(t)
	_, err := ctx.Alloc(100 << 20)
	var e *OutOfMemoryError
	if !errors.As(err, &e) || !errors.Is(err, ErrOutOfMemory) || e.Want != 100<<20 || e.Free != 3<<20 || e.Total != 80<<30 {
		t.Errorf("have %v", err)
	}
	if !strings.Contains(err.Error(), "100.0 MiB wanted, 3.0 MiB free of 81920.0 MiB") {
		t.Errorf("have %v", err)
	}
	if _, err := ctx.AllocPinned(5); !errors.Is(err, ErrOutOfMemory) || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("pinned: have %v", err)
	}
	if _, err := must(must(ctx.NewStream()).EndCapture()).Instantiate(); !errors.Is(err, ErrOutOfMemory) {
		t.Errorf("graph: have %v", err)
	}
}

// TestDriverSaysNo checks the errors of a driver that refuses.
func TestDriverSaysNo(t *testing.T) {
	if !onNull(t, "SK_NULL_cuModuleLoadDataEx=218", "SK_NULL_cuStreamSynchronize=700", "SK_NULL_cuStreamQuery=600", "SK_NULL_cuEventQuery=600",
		"SK_NULL_cuMemsetD8Async=1", "SK_NULL_CAPTURING=1", "SK_NULL_cuGraphExecUpdate_v2=910", "SK_NULL_UPDATE=2") {
		return
	}
	ctx := current(t)
	s, e := must(ctx.NewStream()), must(ctx.NewEvent(true))
	_, load := ctx.LoadModule([]byte("ptx"))
	g := must(s.EndCapture())
	for _, c := range []struct {
		name string
		err  error
		is   Status
		want string
	}{
		{"ptx", load, ErrInvalidPTX, "line 7: no such instruction"},
		{"address", s.Synchronize(), ErrIllegalAddress, "compute-sanitizer"},
		{"query", s.Query(), ErrNotReady, "600"},
		{"event", e.Query(), ErrNotReady, "600"},
		{"range", s.Memset8(1, 0, 5), ErrInvalidValue, "not within one piece"},
		{"capture", s.CopyToDevice(1, []byte{1}), ErrCaptureUnsupported, "AllocPinned"},
		{"capture", s.CopyToHost([]byte{1}, 1), ErrCaptureUnsupported, "AllocPinned"},
		{"update", must(g.Instantiate()).Update(g), ErrGraphUpdate, "different nodes"},
	} {
		if !errors.Is(c.err, c.is) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: have %v, want %v with %q", c.name, c.err, c.is, c.want)
		}
	}
	if on, err := s.Capturing(); !on || err != nil {
		t.Errorf("capturing: %v, %v", on, err)
	}
}

func TestGraphView(t *testing.T) {
	if !onNull(t) {
		return
	}
	g := must(must(current(t).NewStream()).EndCapture())
	const want = `digraph captured {
  node [shape=box fontname=monospace];
  n0 [label="fourteen\n(8,2) x 256"];
  n1 [label="memset"];
  n2 [label="fourteen\n(8,2) x 256"];
  n0 -> n1;
  n1 -> n2;
}
`
	if have, err := g.DOT(); err != nil || have != want {
		t.Errorf("have %s, %v\nwant %s", have, err, want)
	}
}

// TestOlderDriver lacks the functions that came with CUDA 12.3 and 12.4.
func TestOlderDriver(t *testing.T) {
	dir := t.TempDir()
	if !inChild(t) {
		buildNull(t, dir, "-DSK_NULL_OLD")
	}
	if !child(t, dir, "SK_NULL_VERSION=12020") {
		return
	}
	ctx := current(t)
	f := must(must(ctx.LoadModule([]byte("ptx"))).Function("two"))
	if sizes, known := f.Parameters(); known || sizes != nil {
		t.Errorf("parameters: %v, %v", sizes, known)
	}
	if _, err := f.NewCall(Launch{Grid: [3]uint32{1}, Block: [3]uint32{1}}, Ptr(1)); err != nil {
		t.Errorf("a call of unknown parameters: %v", err)
	}
	g := must(must(ctx.NewStream()).EndCapture())
	if _, err := g.Edges(); !errors.Is(err, ErrNotSupported) || !strings.Contains(err.Error(), "12.3") {
		t.Errorf("edges: %v", err)
	}
	if nodes, err := g.Nodes(); err != nil || len(nodes) != 3 || nodes[0].Name != "" {
		t.Errorf("nodes: %v, %v", nodes, err)
	}
}
