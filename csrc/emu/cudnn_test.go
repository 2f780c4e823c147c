package emu_test

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn"
	"shake/cudnn/cuda"
)

// card is the emulated card with cuDNN on it, for one test on one thread.
type card struct {
	t *testing.T
	x *cuda.Context
	s *cuda.Stream
	h *cudnn.Handle
}

func newCard(t *testing.T) *card {
	t.Helper()
	emu.Only(t)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	devices, err := cuda.Devices()
	c := &card{t: t}
	c.must(err)
	c.x, err = devices[0].Primary()
	c.must(err)
	c.must(c.x.SetCurrent())
	c.s, err = c.x.NewStream()
	c.must(err)
	c.h, err = cudnn.New(c.x)
	c.must(err)
	c.must(c.h.SetStream(c.s))
	t.Cleanup(func() {
		for _, err := range []error{c.h.Close(), c.s.Close(), c.x.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

func (c *card) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// put copies floats to the card.
func (c *card) put(v []float32) cuda.Ptr {
	c.t.Helper()
	p := c.room(int64(4 * len(v)))
	b := make([]byte, 4*len(v))
	for i, f := range v {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(f))
	}
	c.must(c.s.CopyToDevice(p, b))
	c.must(c.s.Synchronize())
	return p
}

// room is memory of n bytes that is freed at the end of the test.
func (c *card) room(n int64) cuda.Ptr {
	c.t.Helper()
	m, err := c.x.Alloc(max(n, 16))
	c.must(err)
	c.t.Cleanup(func() {
		if err := m.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return m.Ptr()
}

func (c *card) get(p cuda.Ptr, n int) []float32 {
	c.t.Helper()
	b := make([]byte, 4*n)
	c.must(c.s.CopyToHost(b, p))
	c.must(c.s.Synchronize())
	v := make([]float32, n)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

// plan returns the plan, which is closed at the end of the test.
func (c *card) plan(p *cudnn.Plan, err error) *cudnn.Plan {
	c.t.Helper()
	c.must(err)
	c.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return p
}

func ramp(n int, scale float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = scale * float32(i%7-3)
	}
	return v
}

// TestCuDNNConv runs a 1x1 convolution with whole numbers on the stream, and again from a captured
// graph with new contents.
func TestCuDNNConv(t *testing.T) {
	c := newCard(t)
	const pixels, in, out = 2 * 4 * 4, 8, 16
	x, w, y := cudnn.NHWC(2, in, 4, 4, cudnn.F32), cudnn.NHWC(out, in, 1, 1, cudnn.F32), cudnn.NHWC(2, out, 4, 4, cudnn.F32)
	p := c.plan(c.h.ConvForward(x, w, y, cudnn.ConvDesc{}))
	xs, ws := ramp(pixels*in, 1), ramp(in*out, 2)
	px, pw, py, space := c.put(xs), c.put(ws), c.room(4*pixels*out), c.room(p.Workspace())
	check := func(step string, xs []float32) {
		t.Helper()
		for i, have := range c.get(py, pixels*out) {
			var want float32
			for j := range in {
				want += xs[i/out*in+j] * ws[i%out*in+j]
			}
			if have != want {
				t.Fatalf("%s: y[%d]: have %v, want %v", step, i, have, want)
			}
		}
	}
	c.must(p.Run(space, px, pw, py))
	check("on the stream", xs)

	c.must(c.s.BeginCapture(cuda.CaptureThreadLocal))
	c.must(p.Run(space, px, pw, py))
	graph, err := c.s.EndCapture()
	c.must(err)
	defer graph.Close()
	exec, err := graph.Instantiate()
	c.must(err)
	defer exec.Close()
	for i := range xs {
		xs[i]++
	}
	b := c.put(xs)
	c.must(c.s.CopyDevice(px, b, int64(4*len(xs))))
	check("before a replay", ramp(pixels*in, 1))
	c.must(exec.Launch(c.s))
	check("replayed", xs)
}

// TestCuDNNRefuses makes mistakes that only the library can see.
func TestCuDNNRefuses(t *testing.T) {
	c := newCard(t)
	x, w := cudnn.NHWC(2, 8, 4, 4, cudnn.F32), cudnn.NHWC(8, 8, 1, 1, cudnn.F32)
	p := c.plan(c.h.ConvForward(x, w, x, cudnn.ConvDesc{}))
	n := int64(4 * 2 * 8 * 16)
	px, pw, py, space := c.room(n), c.room(4*64), c.room(n), c.room(p.Workspace())
	for _, m := range []struct {
		name, want string
		ptrs       []cuda.Ptr
	}{
		{"no memory of the card", "not inside one live device allocation", []cuda.Ptr{0x1000, pw, py}},
		{"memory that ends too soon", "not inside one live device allocation", []cuda.Ptr{pw, px, py}},
		{"y over x", "overlap", []cuda.Ptr{px, pw, px}},
	} {
		if err := p.Run(space, m.ptrs...); err == nil || !strings.Contains(err.Error(), m.want) {
			t.Errorf("%s: have %v, want an error that says %q", m.name, err, m.want)
		}
	}
}

// TestCuDNNSettings plays another version, engines that do not compile, and a library that does not
// start.
func TestCuDNNSettings(t *testing.T) {
	c := newCard(t)
	x, w := cudnn.NHWC(2, 8, 4, 4, cudnn.BF16), cudnn.NHWC(8, 8, 3, 3, cudnn.BF16)
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	first := c.plan(c.h.ConvForward(x, w, x, conv)).Engine()
	t.Setenv("SHAKE_EMU_CUDNN", "broken=1")
	if second := c.plan(c.h.ConvForward(x, w, x, conv)).Engine(); second == first {
		t.Errorf("the first engine does not compile: have %s all the same", second)
	}
	t.Setenv("SHAKE_EMU_CUDNN", "broken=99")
	if _, err := c.h.ConvForward(x, w, x, conv); !errors.Is(err, cudnn.ErrNotSupported) {
		t.Errorf("no engine compiles: have %v, want ErrNotSupported", err)
	}
	for setting, want := range map[string]string{"version=8907": "8.9.7", "create=1001": "NOT_INITIALIZED"} {
		t.Setenv("SHAKE_EMU_CUDNN", setting)
		if h, err := cudnn.New(c.x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: have %v, %v, want an error that says %s", setting, h, err, want)
		}
	}
}

// TestCuDNNNondeterministic: an engine without a promise of determinism changes its bits here, and
// the option excludes it.
func TestCuDNNNondeterministic(t *testing.T) {
	c := newCard(t)
	x, w := cudnn.NHWC(16, 8, 8, 8, cudnn.F32), cudnn.NHWC(8, 8, 3, 3, cudnn.F32)
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	noise := make([]float32, 16*8*64)
	for i := range noise {
		noise[i] = float32(math.Sin(float64(i*i))) * 1e3
	}
	px, pdw := c.put(noise), c.room(4*8*72)
	different := func(p *cudnn.Plan) bool {
		space := c.room(p.Workspace())
		c.must(p.Run(space, px, px, pdw))
		one := c.get(pdw, 8*72)
		c.must(p.Run(space, px, px, pdw))
		for i, v := range c.get(pdw, 8*72) {
			if v != one[i] {
				return true
			}
		}
		return false
	}
	for _, o := range [][]cudnn.Option{nil, {cudnn.Deterministic()}} {
		plans, err := c.h.ConvBackwardFilterPlans(x, x, w, conv, append(o, cudnn.Candidates(20))...)
		c.must(err)
		found := false
		for _, p := range plans {
			c.plan(p, nil)
			noted := strings.Contains(p.Engine(), "not deterministic")
			if found = found || noted; different(p) != noted {
				t.Errorf("%s: other bits in the second run: %v", p.Engine(), !noted)
			}
		}
		if found != (o == nil) {
			t.Errorf("options %d: a nondeterministic engine among them: %v", len(o), found)
		}
	}
}
