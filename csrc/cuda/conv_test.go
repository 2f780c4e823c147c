package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"shake/csrc/emu"
	"shake/internal/exhaustive"
)

// convCase is a convolution: images of a whole batch, map, the channels of all groups and of their
// buffers, and the channels of the norms of y.
type convCase struct {
	name            string
	more            bool // make test leaves it out
	typ             Type
	n, h, w         int
	c, cOff, cPitch int
	k, kOff, kPitch int
	r, stride, pad  int
	groups          int
	replicas        int
	batch           int  // images of a whole batch; 0: n
	norm, relu      bool // of the view
	view            bool // it is stored
	norms           []int
}

func (c convCase) spec() ConvSpec {
	s := ConvSpec{Type: c.typ, H: c.h, W: c.w, Replicas: max(c.replicas, 1), Batch: max(c.batch, c.n), X: View{Slice: Slice{Off: c.cOff, C: c.c, Pitch: max(c.cPitch, c.c)}, ReLU: c.relu},
		Y: Slice{Buf: 1, Off: c.kOff, C: c.k, Pitch: max(c.kPitch, c.k)}, R: c.r, Stride: c.stride, PadH: c.pad, PadW: c.pad, Groups: max(c.groups, 1)}
	if c.norm {
		s.X.Norm = &NormRef{Off: 4, C: c.c + 12}
	}
	if c.view {
		s.View = &Slice{Buf: 2, Off: 8, C: c.c, Pitch: c.c + 16}
	}
	at := 0
	for i, n := range c.norms {
		s.Norms = append(s.Norms, StatsOf{Off: at, C: n, Norm: NormRef{Off: i, C: n + i}})
		at += n
	}
	return s
}

var convCases = []convCase{
	{name: "stage 1, branch", typ: BF16, n: 4, h: 12, w: 16, c: 32, k: 32, r: 3, stride: 1, pad: 1, replicas: 2, norm: true, relu: true, view: true, norms: []int{32}},
	{name: "several tiles a block", more: true, typ: F16, n: 5, h: 18, w: 16, c: 16, k: 64, r: 3, stride: 1, pad: 1, replicas: 2, batch: 2000, norm: true, relu: true, view: true, norms: []int{64}},
	{name: "several tiles a block, streamed", typ: BF16, n: 2, h: 10, w: 16, c: 64, k: 64, r: 3, stride: 1, pad: 1, batch: 2000, norm: true, view: true, norms: []int{64}},
	{name: "stage 1, both branches", more: true, typ: BF16, n: 2, h: 16, w: 32, c: 32, k: 64, r: 3, stride: 1, pad: 1, norms: []int{32, 32}},
	{name: "first block, slices", typ: F16, n: 3, h: 6, w: 32, c: 16, cOff: 24, cPitch: 48, k: 96, kOff: 8, kPitch: 112, r: 3, stride: 1, pad: 1, replicas: 2, norm: true, view: true, norms: []int{32, 32, 32}},
	{name: "to stage 2", more: true, typ: BF16, n: 2, h: 16, w: 16, c: 32, k: 192, r: 3, stride: 2, pad: 1, relu: true, view: true, norms: []int{64, 64, 64}},
	{name: "stride 2, odd map", typ: F16, n: 5, h: 7, w: 5, c: 48, k: 40, r: 3, stride: 2, pad: 1, replicas: 3, norm: true, relu: true, view: true, norms: []int{40}},
	{name: "small maps", more: true, typ: BF16, n: 9, h: 4, w: 4, c: 64, k: 128, r: 3, stride: 1, pad: 1, replicas: 2, norm: true, relu: true, view: true, norms: []int{128}},
	{name: "wide filters, streamed", more: true, typ: BF16, n: 2, h: 8, w: 8, c: 128, k: 128, r: 3, stride: 1, pad: 1, norm: true, relu: true, view: true, norms: []int{64, 64}},
	{name: "384 channels", more: true, typ: F16, n: 1, h: 8, w: 8, c: 384, k: 64, r: 3, stride: 1, pad: 1, norm: true, relu: true, view: true},
	{name: "groups", typ: BF16, n: 3, h: 5, w: 7, c: 256, cPitch: 264, k: 256, r: 3, stride: 1, pad: 1, groups: 4, replicas: 2, norm: true, relu: true, view: true, norms: []int{128, 128}},
	{name: "groups, stride 2", more: true, typ: F16, n: 2, h: 8, w: 8, c: 64, k: 64, r: 3, stride: 2, pad: 1, groups: 2, norm: true, view: true, norms: []int{64}},
	{name: "1x1", more: true, typ: BF16, n: 3, h: 8, w: 8, c: 64, k: 256, r: 1, stride: 1, replicas: 2, norm: true, relu: true, view: true, norms: []int{256}},
	{name: "1x1, stride 2", typ: F16, n: 4, h: 7, w: 6, c: 32, cOff: 8, cPitch: 48, k: 24, r: 1, stride: 2, norms: []int{24}},
	{name: "no padding", typ: BF16, n: 3, h: 6, w: 5, c: 16, k: 40, r: 3, stride: 1, norm: true, view: true, norms: []int{16, 24}},
	{name: "no padding, stride 2, no sums", more: true, typ: F16, n: 2, h: 6, w: 5, c: 16, k: 80, r: 3, stride: 2},
	{name: "one pixel", typ: BF16, n: 1, h: 1, w: 1, c: 16, k: 8, r: 3, stride: 1, pad: 1, norm: true, relu: true, view: true, norms: []int{8}},
	{name: "fewer images than replicas", typ: BF16, n: 1, h: 3, w: 5, c: 16, k: 32, r: 3, stride: 1, pad: 1, replicas: 3, norm: true, view: true, norms: []int{32}},
	{name: "wide rows", more: true, typ: F16, n: 1, h: 3, w: 200, c: 16, k: 64, r: 3, stride: 1, pad: 1, norms: []int{64}},
}

// convRun is the arrays of a launch.
type convRun struct {
	s               ConvSpec
	tile            convTile
	x, w, y, view   *memory
	norm            norm
	flat            *memory
	params          []normParams
	norms, runnings []*memory
}

const convOff = 16 // of the filter, in elements

func newConvRun(t *testing.T, r *rand.Rand, s ConvSpec, n int) *convRun {
	c := &convRun{s: s, tile: s.tile(newBuilder("conv"))}
	c.x = randoms(r, s.Type, n*s.H*s.W*s.X.Pitch, 0.1, 1)
	c.w = randoms(r, s.Type, convOff+s.Y.C*s.R*s.R*c.tile.cg, 0, 0.3)
	c.y = randoms(r, s.Type, n*c.tile.p*c.tile.q*s.Y.Pitch, 0, 1)
	if s.X.Norm != nil {
		c.norm = newNorm(r, s.X.Norm.C, s.Replicas)
	}
	if s.View != nil {
		c.view = randoms(r, s.Type, n*s.H*s.W*s.View.Pitch, 0, 1)
	}
	free := r.Perm(2000)
	c.flat = randoms(r, F32, 2000, 1, 1)
	for _, o := range s.Norms {
		c.params = append(c.params, newNormParams(&free, o.Norm.C))
		c.norms, c.runnings = append(c.norms, newNorm(r, o.Norm.C, s.Replicas).memory), append(c.runnings, randoms(r, F32, 2*s.Replicas*o.Norm.C, 0, 1))
	}
	return c
}

// run launches the kernel over copies of the arrays that it writes, and returns the copies.
func (c *convRun) run(t *testing.T, s ConvSpec, n int) *convRun {
	t.Helper()
	k, err := s.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	out := *c
	out.s, out.y, out.norms, out.runnings = s, c.y.clone(), nil, nil
	args := map[string]any{"x": c.x, "norm": nil, "w": c.w, "off": convOff, "y": out.y, "view": nil, "params": c.flat, "partial": scratch(k, n), "counter": counters(k), "n": n}
	for i := range args["partial"].(*memory).len() {
		args["partial"].(*memory).set(i, math.NaN())
	}
	if c.norm.memory != nil {
		args["norm"] = c.norm.memory
	}
	if s.View != nil {
		out.view = c.view.clone()
		args["view"] = out.view
	}
	for i := range s.Norms {
		out.norms, out.runnings = append(out.norms, c.norms[i].clone()), append(out.runnings, c.runnings[i].clone())
		args[fmt.Sprintf("gamma_at%d", i)], args[fmt.Sprintf("beta_at%d", i)] = c.params[i].gammaAt, c.params[i].betaAt
		args[fmt.Sprintf("norm%d", i)], args[fmt.Sprintf("running%d", i)] = out.norms[i], out.runnings[i]
	}
	run(t, s, n, args)
	idle(t, args["counter"].(*memory))
	return &out
}

// TestConv compares the kernel with sums in float64, and its statistics with those of the kernel
// that takes them of y alone, for whole batches and ragged ones. Numbers beside the slices stay.
// A view that is not stored gives the same bits of y.
func TestConv(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	for _, c := range convCases {
		t.Run(c.name, func(t *testing.T) {
			if c.more {
				exhaustive.Only(t)
			}
			s := c.spec()
			before := newConvRun(t, r, s, c.n)
			t.Logf("%+v", before.tile)
			for n := c.n; n >= max(1, c.n-1); n-- {
				after := before.run(t, s, n)
				z := before.checkView(t, after, n)
				before.checkConv(t, after, z, n)
				before.checkStats(t, after, n)
				if s.View != nil {
					plain := s
					plain.View = nil
					if have := before.run(t, plain, n); string(have.y.data) != string(after.y.data) {
						t.Errorf("%d images: y has other bits where the view is not stored", n)
					}
				}
			}
		})
	}
}

// checkView checks the stored view, or computes it, and returns the numbers that are convolved.
func (c *convRun) checkView(t *testing.T, after *convRun, n int) []float64 {
	t.Helper()
	s, hw := c.s, c.s.H*c.s.W
	z := make([]float64, n*hw*s.X.C)
	for i := range n * hw {
		rep := i / hw * s.Replicas / n
		for k := range s.X.C {
			v := c.x.at(i*s.X.Pitch + s.X.Off + k)
			size := math.Abs(v)
			if s.X.Norm != nil {
				a, b := c.norm.get(scale, rep, s.X.Norm.Off+k), c.norm.get(shift, rep, s.X.Norm.Off+k)
				v, size = a*v+b, math.Abs(a*v)+math.Abs(b)
			}
			if s.X.ReLU {
				v = max(v, 0)
			}
			if s.View == nil {
				z[i*s.X.C+k] = rounded(s.Type, v)
				continue
			}
			have := after.view.at(i*s.View.Pitch + s.View.Off + k)
			if !near(s.Type, have, v, single(size)) {
				t.Fatalf("%d images: view of pixel %d, channel %d: want %v, have %v", n, i, k, v, have)
			}
			z[i*s.X.C+k] = have
		}
	}
	if s.View != nil {
		for i := range c.view.len() {
			if k := i % s.View.Pitch; (k < s.View.Off || k >= s.View.Off+s.View.C || i >= n*hw*s.View.Pitch) && after.view.at(i) != c.view.at(i) {
				t.Fatalf("%d images: element %d of the view's buffer lies outside and became %v, was %v", n, i, after.view.at(i), c.view.at(i))
			}
		}
	}
	return z
}

func (c *convRun) checkConv(t *testing.T, after *convRun, z []float64, n int) {
	t.Helper()
	s, d := c.s, c.tile
	filters := make([]float64, c.w.len())
	for i := range filters {
		filters[i] = c.w.at(i)
	}
	for i := range c.y.len() {
		k, pixel := i%s.Y.Pitch-s.Y.Off, i/s.Y.Pitch
		image, p, q := pixel/(d.p*d.q), pixel/d.q%d.p, pixel%d.q
		if k < 0 || k >= s.Y.C || image >= n {
			if after.y.at(i) != c.y.at(i) {
				t.Fatalf("%d images: element %d of y's buffer lies outside and became %v, was %v", n, i, after.y.at(i), c.y.at(i))
			}
			continue
		}
		want, size := 0.0, 0.0
		for fr := range s.R {
			for fs := range s.R {
				h, w := p*s.Stride+fr-s.PadH, q*s.Stride+fs-s.PadW
				if h < 0 || h >= s.H || w < 0 || w >= s.W {
					continue
				}
				from := ((image*s.H+h)*s.W+w)*s.X.C + k/d.kg*d.cg
				filter := filters[convOff+((k*s.R+fr)*s.R+fs)*d.cg:]
				for ch, f := range filter[:d.cg] {
					v := z[from+ch] * f
					want, size = want+v, size+math.Abs(v)
				}
			}
		}
		if have := after.y.at(i); !near(s.Type, have, want, 1e-6*size) {
			t.Fatalf("%d images: y[%d][%d][%d][%d]: want %v, have %v", n, image, p, q, k, want, have)
		}
	}
}

func (c *convRun) checkStats(t *testing.T, after *convRun, n int) {
	t.Helper()
	if len(c.s.Norms) == 0 {
		return
	}
	spec := StatsSpec{Shape: Shape{c.s.Type, c.tile.p, c.tile.q, c.s.Replicas}, X: c.s.Y, Norms: c.s.Norms}
	k, err := spec.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	args := map[string]any{"x": after.y, "params": c.flat, "partial": scratch(k, n), "counter": counters(k), "n": n}
	for i := range c.s.Norms {
		args[fmt.Sprintf("gamma_at%d", i)], args[fmt.Sprintf("beta_at%d", i)] = c.params[i].gammaAt, c.params[i].betaAt
		args[fmt.Sprintf("norm%d", i)], args[fmt.Sprintf("running%d", i)] = c.norms[i].clone(), c.runnings[i].clone()
	}
	run(t, spec, n, args)
	for i, o := range c.s.Norms {
		for _, pair := range [][2]*memory{{after.norms[i], args[fmt.Sprintf("norm%d", i)].(*memory)}, {after.runnings[i], args[fmt.Sprintf("running%d", i)].(*memory)}} {
			moved := false
			for e := range pair[0].len() {
				have, want := pair[0].at(e), pair[1].at(e)
				if !closeTo(have, want, 1+10*math.Abs(want)) {
					t.Fatalf("%d images: norm %d of %d channels, number %d: want %v, have %v", n, i, o.C, e, want, have)
				}
				moved = moved || want != c.norms[i].at(min(e, c.norms[i].len()-1))
			}
			if !moved {
				t.Errorf("%d images: norm %d is as before", n, i)
			}
		}
	}
}

// TestConvOrder checks that other orders of blocks and threads give the same bits, and looks for
// races on shared memory.
func TestConvOrder(t *testing.T) {
	emu.Only(t)
	r := rand.New(rand.NewPCG(13, 2))
	for _, c := range []convCase{
		{typ: BF16, n: 3, h: 6, w: 8, c: 32, k: 64, r: 3, stride: 1, pad: 1, replicas: 2, norm: true, relu: true, view: true, norms: []int{32, 32}},
		{typ: F16, n: 2, h: 8, w: 8, c: 128, k: 64, r: 3, stride: 2, pad: 1, norm: true, relu: true, view: true, norms: []int{64}},
		{typ: BF16, n: 1, h: 3, w: 3, c: 32, k: 32, r: 1, stride: 1, replicas: 2, norms: []int{32}},
	} {
		s := c.spec()
		before := newConvRun(t, r, s, c.n)
		var first string
		for seed := range 3 {
			emu.With(t, fmt.Sprintf("seed=%d;threads=%d;races=1", seed, 1+seed%2*3))
			after := before.run(t, s, c.n)
			all := string(after.y.data)
			if s.View != nil {
				all += string(after.view.data)
			}
			for i := range after.norms {
				all += string(after.norms[i].data) + string(after.runnings[i].data)
			}
			if seed == 0 {
				first = all
			} else if all != first {
				t.Errorf("%+v: order %d gives other bits", s, seed)
			}
		}
	}
}

// TestConvTiles records the division of the networks' convolutions at their usual batch: channels
// of a block, tile, blocks, shared memory, and whether all filters stay in it.
func TestConvTiles(t *testing.T) {
	for _, c := range []struct {
		what string
		convCase
		kt, ni, th int
		grid       [3]uint32
		shared     int
		resident   bool
	}{
		{"26 2x32d, first block", convCase{n: 128, h: 32, w: 32, c: 16, k: 96, r: 3, stride: 1, norms: []int{32, 32, 32}}, 32, 1, 8, [3]uint32{64, 1, 3}, 34304, true},
		{"26 2x32d, stage 1", convCase{n: 128, h: 32, w: 32, c: 32, k: 64, r: 3, stride: 1, norms: []int{32, 32}}, 32, 1, 8, [3]uint32{128, 1, 2}, 50240, true},
		{"26 2x32d, stage 1, a branch", convCase{n: 128, h: 32, w: 32, c: 32, k: 32, r: 3, stride: 1, norm: true, relu: true, view: true, norms: []int{32}}, 32, 1, 8, [3]uint32{128, 2, 1}, 50240, true},
		{"26 2x32d, to stage 2", convCase{n: 128, h: 32, w: 32, c: 32, k: 192, r: 3, stride: 2, norms: []int{64, 64, 64}}, 64, 1, 8, [3]uint32{64, 1, 3}, 90960, true},
		{"26 2x32d, stage 2, a branch", convCase{n: 128, h: 16, w: 16, c: 64, k: 64, r: 3, stride: 1, norm: true, relu: true, view: true, norms: []int{64}}, 64, 1, 8, [3]uint32{128, 2, 1}, 56640, false},
		{"26 2x32d, stage 3, a branch", convCase{n: 128, h: 8, w: 8, c: 128, k: 128, r: 3, stride: 1, norm: true, relu: true, view: true, norms: []int{128}}, 64, 2, 8, [3]uint32{64, 1, 2}, 85120, false},
		{"26 2x96d, stage 1", convCase{n: 128, h: 32, w: 32, c: 96, k: 192, r: 3, stride: 1, norms: []int{96, 96}}, 32, 1, 8, [3]uint32{44, 1, 6}, 86080, false},
		{"26 2x96d, stage 2, a branch", convCase{n: 128, h: 16, w: 16, c: 192, k: 192, r: 3, stride: 1, norm: true, relu: true, view: true, norms: []int{192}}, 64, 1, 8, [3]uint32{64, 1, 3}, 90432, false},
		{"26 2x96d, stage 3, a branch", convCase{n: 128, h: 8, w: 8, c: 384, k: 384, r: 3, stride: 1, norm: true, relu: true, view: true, norms: []int{384}}, 64, 1, 8, [3]uint32{44, 1, 6}, 96832, false},
		{"ResNeXt-29, 1x1", convCase{n: 32, h: 32, w: 32, c: 64, k: 256, r: 1, stride: 1, norms: []int{256}}, 64, 1, 4, [3]uint32{32, 2, 4}, 28672, true},
		{"ResNeXt-29, groups", convCase{n: 32, h: 32, w: 32, c: 256, k: 256, r: 3, stride: 1, groups: 4, norm: true, relu: true, view: true, norms: []int{256}}, 64, 1, 4, [3]uint32{32, 2, 4}, 60096, false},
	} {
		c.typ, c.replicas, c.pad = BF16, 2, c.r/2
		s := c.spec()
		d := s.tile(newBuilder("conv"))
		k, err := s.Kernel()
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		l := k.Launch(c.n)
		if d.kt != c.kt || d.ni != c.ni || d.th != c.th || l.Grid != c.grid || l.Shared != uint32(c.shared) || d.resident != c.resident {
			t.Errorf("%s: %d channels, %d images by %d rows, grid %v, %d bytes, resident %t: want %d, %d by %d, %v, %d, %t", c.what, d.kt, d.ni, d.th, l.Grid, l.Shared, d.resident,
				c.kt, c.ni, c.th, c.grid, c.shared, c.resident)
		}
	}
}

// TestConvErrors: an error names the field that the kernel does not support.
func TestConvErrors(t *testing.T) {
	good := ConvSpec{Type: BF16, H: 8, W: 8, Replicas: 1, Batch: 4, X: View{Slice: Slice{C: 16, Pitch: 16}}, Y: Slice{C: 32, Pitch: 32}, R: 3, Stride: 1, PadH: 1, PadW: 1, Groups: 1}
	if _, err := good.Kernel(); err != nil {
		t.Fatal(err)
	}
	for field, f := range map[string]func(s *ConvSpec){
		"Type":     func(s *ConvSpec) { s.Type = F32 },
		"R":        func(s *ConvSpec) { s.R = 5 },
		"Stride":   func(s *ConvSpec) { s.Stride = 3 },
		"PadH":     func(s *ConvSpec) { s.PadH = 3 },
		"PadW":     func(s *ConvSpec) { s.PadW = -1 },
		"H, W":     func(s *ConvSpec) { s.H, s.PadH = 2, 0 },
		"Replicas": func(s *ConvSpec) { s.Replicas = 0 },
		"Batch":    func(s *ConvSpec) { s.Batch = 0 },
		"Groups":   func(s *ConvSpec) { s.Groups, s.X.C, s.X.Pitch = 2, 32, 32 },
		"X.C":      func(s *ConvSpec) { s.X.C = 8 },
		"X":        func(s *ConvSpec) { s.X.Off = 1 },
		"Y.C":      func(s *ConvSpec) { s.Y.C = 20 },
		"Y":        func(s *ConvSpec) { s.Y.Pitch = 36 },
		"X.Pitch":  func(s *ConvSpec) { s.H, s.W, s.X.Pitch = 16384, 16384, 16 },
		"View":     func(s *ConvSpec) { s.View, s.R, s.PadH, s.PadW, s.Stride = &Slice{C: 16, Pitch: 16}, 1, 0, 0, 2 },
		"View.C":   func(s *ConvSpec) { s.View = &Slice{C: 8, Pitch: 8} },
		"Norms":    func(s *ConvSpec) { s.Norms = []StatsOf{{C: 16, Norm: NormRef{C: 16}}} },
		"Norms[0]": func(s *ConvSpec) { s.Norms = []StatsOf{{Off: 8, C: 24, Norm: NormRef{C: 24}}} },
		"X.Norm":   func(s *ConvSpec) { s.X.Norm = &NormRef{C: 8} },
	} {
		s := good
		f(&s)
		_, err := s.Kernel()
		if e, ok := err.(*SpecError); !ok || e.Field != field {
			t.Errorf("want an error of %s, have %v", field, err)
		}
	}
	wide := good
	wide.X.C, wide.X.Pitch = 2048, 2048
	if _, err := wide.Kernel(); err == nil {
		t.Error("a window of 2048 channels: want an error")
	}
}
