package cuda

import (
	"testing"
)

// fourteen returns a call of a kernel with ten pointers and four numbers.
func fourteen(tb testing.TB, ctx *Context) *Call {
	f := must(must(ctx.LoadModule([]byte("ptx"))).Function("fourteen"))
	args := make([]any, 14)
	for i := range args {
		args[i] = Ptr(i)
		if i >= 10 {
			args[i] = float32(i)
		}
	}
	return must(f.NewCall(Launch{Grid: [3]uint32{8}, Block: [3]uint32{256}}, args...))
}

func TestHotCallsDoNotAllocate(t *testing.T) {
	if !onNull(t) {
		return
	}
	ctx := current(t)
	call, behind := fourteen(t, ctx), fourteen(t, ctx)
	if err := behind.SetLaunch(Launch{Grid: [3]uint32{8}, Block: [3]uint32{256}, Programmatic: true}); err != nil {
		t.Fatal(err)
	}
	s, e, start := must(ctx.NewStream()), must(ctx.NewEvent(true)), must(ctx.NewEvent(true))
	mem, pin := must(ctx.Alloc(1<<20)), must(ctx.AllocPinned(1<<20))
	must(ctx.AllocPinned(7))
	x := must(must(s.EndCapture()).Instantiate())
	p, i32, f32, i64 := mem.Ptr(), int32(70000), float32(0.1), int64(1)<<40
	ten := must(must(must(ctx.LoadModule([]byte("ptx"))).Function("fourteen")).NewCall(Launch{Grid: [3]uint32{1}, Block: [3]uint32{1}},
		p, p, p, p, p, p, p, p, p, i64, i32, f32, uint32(1), int32(1)))
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"Run", func() error { return call.Run(s) }},
		{"Run programmatic", func() error { return behind.Run(s) }},
		{"Set Ptr", func() error { p += 256; return ten.Set(0, p) }},
		{"Set int64", func() error { i64++; return ten.Set(9, i64) }},
		{"Set int32", func() error { i32++; return ten.Set(10, i32) }},
		{"Set float32", func() error { f32 += 1; return ten.Set(11, f32) }},
		{"CopyToDevice", func() error { return s.CopyToDevice(p, pin.Bytes()[16:1024]) }},
		{"CopyToHost", func() error { return s.CopyToHost(pin.Bytes()[:1024], p) }},
		{"CopyDevice", func() error { return s.CopyDevice(p, p+512, 512) }},
		{"Memset32", func() error { return s.Memset32(p, 7, 100) }},
		{"Record", func() error { return e.Record(s) }},
		{"Wait", func() error { return s.Wait(e) }},
		{"Query", func() error { return s.Query() }},
		{"Since", func() error { _, err := e.Since(start); return err }},
		{"Launch", func() error { return x.Launch(s) }},
		{"Synchronize", func() error { return s.Synchronize() }},
		{"MemInfo", func() error { _, _, err := ctx.MemInfo(); return err }},
	} {
		var err error
		if n := testing.AllocsPerRun(100, func() { err = c.run() }); n != 0 || err != nil {
			t.Errorf("%s: %v allocations, %v", c.name, n, err)
		}
	}
}

func TestIsPinned(t *testing.T) {
	if !onNull(t) {
		return
	}
	ctx := current(t)
	var all []*Pinned
	for _, n := range []int64{1, 100, 5000, 1 << 20} {
		all = append(all, must(ctx.AllocPinned(n)))
	}
	plain := make([]byte, 100)
	for i, p := range all {
		b := p.Bytes()
		if !isPinned(b) || !isPinned(b[len(b)-1:]) || isPinned(plain) {
			t.Errorf("piece %d of %d bytes", i, len(b))
		}
		if isPinned(b[:1:len(b)][0:1]) != true {
			t.Errorf("the first byte of piece %d", i)
		}
	}
	b := all[1].Bytes()
	all[1].Close()
	if isPinned(b) {
		t.Error("pinned after Close")
	}
	if !isPinned(all[0].Bytes()) || !isPinned(all[3].Bytes()) {
		t.Error("closing one unpinned another")
	}
}

// nullBench opens the null driver, unless the process has opened another.
func nullBench(b *testing.B) *Context {
	if !driverOpen.Load() {
		dir := b.TempDir()
		buildNull(b, dir)
		b.Setenv("SHAKE_LIBRARY_PATH", dir)
	}
	ctx := current(b)
	if ctx.Device().Name() != "Null" {
		b.Skip("another driver is open: run the benchmarks alone, with -run '^$'")
	}
	return ctx
}

// BenchmarkCall compares a launch with 14 arguments, and setting all of them before it, with an
// empty call of C. The null driver's launch does nothing.
func BenchmarkCall(b *testing.B) {
	ctx := nullBench(b)
	call, s := fourteen(b, ctx), must(ctx.NewStream())
	b.Run("Empty", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			nothing()
		}
	})
	b.Run("Run14", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := call.Run(s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Set14Run", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range 10 {
				call.Set(i, Ptr(i))
			}
			for i := 10; i < 14; i++ {
				call.Set(i, float32(i))
			}
			if err := call.Run(s); err != nil {
				b.Fatal(err)
			}
		}
	})
	pin, p := must(ctx.AllocPinned(64)), must(ctx.Alloc(64)).Ptr()
	b.Run("CopyToDevice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.CopyToDevice(p, pin.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
