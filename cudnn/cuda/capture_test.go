package cuda

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const step = `
extern "C" __global__ void grow(int *p, int by) { p[threadIdx.x] += by; }
extern "C" __global__ void twice(int *p) { p[threadIdx.x] *= 2; }
`

// TestCapture captures a step with a copy at each end, replays it, changes it and inspects it.
func TestCapture(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	m := compiled(t, ctx, step)
	in, out, mem := must(ctx.AllocPinned(16)), must(ctx.AllocPinned(16)), must(ctx.Alloc(16))
	one := Launch{Grid: [3]uint32{1}, Block: [3]uint32{4}}
	grow := must(must(m.Function("grow")).NewCall(one, mem.Ptr(), int32(3)))
	twice := must(must(m.Function("twice")).NewCall(one, mem.Ptr()))
	capture := func(more bool) *Graph {
		t.Helper()
		if err := s.BeginCapture(CaptureThreadLocal); err != nil {
			t.Fatal(err)
		}
		if on, err := s.Capturing(); !on || err != nil {
			t.Errorf("capturing: %v, %v", on, err)
		}
		for _, err := range []error{s.CopyToDevice(mem.Ptr(), in.Bytes()), grow.Run(s), twice.Run(s), s.CopyToHost(out.Bytes(), mem.Ptr())} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if more {
			if err := s.Memset8(mem.Ptr(), 0, 1); err != nil {
				t.Fatal(err)
			}
		}
		return must(s.EndCapture())
	}
	if err := s.Memset8(mem.Ptr(), 0, 16); err != nil {
		t.Fatal(err)
	}
	clear(out.Bytes())
	g := capture(false)
	if err := s.Synchronize(); err != nil || slices.Max(out.Bytes()) != 0 {
		t.Errorf("capturing ran something: %v, %v", out.Bytes(), err)
	}
	x := must(g.Instantiate())
	replay := func(want byte) {
		t.Helper()
		for i := range 4 {
			in.Bytes()[4*i] = byte(i)
		}
		clear(out.Bytes())
		for _, err := range []error{x.Upload(s), x.Launch(s), s.Synchronize()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range 4 {
			if have := out.Bytes()[4*i]; have != 2*(byte(i)+want) {
				t.Errorf("element %d: have %d, want %d", i, have, 2*(byte(i)+want))
			}
		}
	}
	replay(3)
	if err := grow.Set(1, int32(50)); err != nil {
		t.Fatal(err)
	}
	replay(3) // the graph keeps the captured arguments
	if err := x.Update(capture(false)); err != nil {
		t.Fatal(err)
	}
	replay(50)
	if err := x.Update(capture(true)); !errors.Is(err, ErrGraphUpdate) {
		t.Errorf("another topology: %v", err)
	}
	replay(50)

	nodes, err := g.Nodes()
	if err != nil || len(nodes) != 4 {
		t.Fatalf("nodes %v, %v", nodes, err)
	}
	kinds := map[NodeKind]int{}
	for _, n := range nodes {
		kinds[n.Kind]++
		if n.Kind == KernelNode && (n.Launch.Grid != [3]uint32{1, 1, 1} || n.Launch.Block != [3]uint32{4, 1, 1}) {
			t.Errorf("node %+v", n)
		}
	}
	if kinds[KernelNode] != 2 || kinds[CopyNode] != 2 {
		t.Errorf("kinds %v", kinds)
	}
	if edges, err := g.Edges(); err != nil || len(edges) != 3 {
		t.Errorf("edges %v, %v", edges, err)
	}
	if dot, err := g.DOT(); err != nil || !strings.Contains(dot, "grow") || strings.Count(dot, "->") != 3 {
		t.Errorf("%s, %v", dot, err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	replay(50) // the graph itself is not needed any more
}

// TestCaptureFork has a second stream take part.
func TestCaptureFork(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	a, b := must(ctx.NewStream()), must(ctx.NewStream())
	fork, join := must(ctx.NewEvent(false)), must(ctx.NewEvent(false))
	m := compiled(t, ctx, step)
	mem := must(ctx.Alloc(64))
	one := Launch{Grid: [3]uint32{1}, Block: [3]uint32{4}}
	f := must(m.Function("grow"))
	left, right := must(f.NewCall(one, mem.Ptr(), int32(1))), must(f.NewCall(one, mem.Ptr()+16, int32(2)))
	for _, joined := range []bool{true, false} {
		for _, err := range []error{a.BeginCapture(CaptureRelaxed), a.Memset8(mem.Ptr(), 0, 64), fork.Record(a), b.Wait(fork), left.Run(a), right.Run(b), join.Record(b)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !joined {
			if _, err := a.EndCapture(); !errors.Is(err, ErrCaptureUnjoined) || !strings.Contains(err.Error(), "come back") {
				t.Errorf("a stream did not come back: %v", err)
			}
			continue
		}
		if err := a.Wait(join); err != nil {
			t.Fatal(err)
		}
		g := must(a.EndCapture())
		if edges, err := g.Edges(); err != nil || len(edges) != 2 {
			t.Errorf("edges %v, %v", edges, err)
		}
		have := make([]int32, 8)
		for _, err := range []error{must(g.Instantiate()).Launch(a), a.CopyToHost(Bytes(have), mem.Ptr())} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(have, []int32{1, 1, 1, 1, 2, 2, 2, 2}) {
			t.Errorf("have %v", have)
		}
	}
	if err := a.Memset8(mem.Ptr(), 0, 1); err != nil {
		t.Errorf("the stream after a capture that failed: %v", err)
	}
}

// TestCaptureForbids makes calls that are forbidden during a capture.
func TestCaptureForbids(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	mem := must(ctx.Alloc(64))
	if _, err := s.EndCapture(); err == nil {
		t.Error("a capture that never began has ended")
	}
	for _, c := range []struct {
		name   string
		call   func() error
		breaks bool
	}{
		{"synchronize", s.Synchronize, true},
		{"query", s.Query, true},
		{"allocate", func() error { _, err := ctx.Alloc(1); return err }, true},
		{"copy from Go's memory", func() error { return s.CopyToDevice(mem.Ptr(), []byte{1}) }, false},
		{"copy to Go's memory", func() error { return s.CopyToHost([]byte{1}, mem.Ptr()) }, false},
	} {
		if err := s.BeginCapture(CaptureThreadLocal); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := s.Memset8(mem.Ptr(), 0, 1); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := c.call(); !errors.Is(err, ErrCaptureUnsupported) {
			t.Errorf("%s during a capture: %v", c.name, err)
		}
		g, err := s.EndCapture()
		if c.breaks != errors.Is(err, ErrCaptureInvalidated) || !c.breaks && g == nil {
			t.Errorf("ending the capture after %s: %v", c.name, err)
		}
		if err := s.Synchronize(); err != nil {
			t.Errorf("the stream after it: %v", err)
		}
	}
	if err := s.BeginCapture(CaptureRelaxed); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginCapture(CaptureRelaxed); err == nil {
		t.Error("a capture began twice")
	}
	s.EndCapture()
}
