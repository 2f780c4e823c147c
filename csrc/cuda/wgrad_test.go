package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"shake/csrc/emu"
	"shake/internal/exhaustive"
)

// wgradCase is a convolution: images, map, the channels of all groups and of their buffers.
type wgradCase struct {
	name            string
	more            bool // make test leaves it out
	typ             Type
	n, h, w         int
	k, kOff, kPitch int
	c, cOff, cPitch int
	r, stride, pad  int
	groups, splits  int
	padded          bool // channels of x behind the third are zero, as those of an image
}

func (c wgradCase) spec() WGradSpec {
	return WGradSpec{Type: c.typ, H: c.h, W: c.w, X: Slice{Off: c.cOff, C: c.c, Pitch: max(c.cPitch, c.c)}, DY: Slice{Buf: 1, Off: c.kOff, C: c.k, Pitch: max(c.kPitch, c.k)},
		R: c.r, Stride: c.stride, PadH: c.pad, PadW: c.pad, Groups: max(c.groups, 1), Splits: c.splits}
}

var wgradCases = []wgradCase{
	{name: "stem", typ: BF16, n: 9, h: 8, w: 8, k: 16, c: 8, r: 3, stride: 1, pad: 1, splits: 2, padded: true},
	{name: "first block, slices", typ: BF16, n: 3, h: 6, w: 32, k: 96, kOff: 8, kPitch: 112, c: 16, cOff: 24, cPitch: 40, r: 3, stride: 1, pad: 1, splits: 4},
	{name: "64 by 32", more: true, typ: F16, n: 2, h: 9, w: 16, k: 64, c: 32, r: 3, stride: 1, pad: 1, splits: 2},
	{name: "stride 2", more: true, typ: BF16, n: 4, h: 16, w: 16, k: 192, c: 32, r: 3, stride: 2, pad: 1, splits: 3},
	{name: "stride 2, odd map", typ: F16, n: 17, h: 7, w: 5, k: 32, c: 48, r: 3, stride: 2, pad: 1, splits: 1},
	{name: "two branches", more: true, typ: BF16, n: 14, h: 4, w: 8, k: 64, c: 64, r: 3, stride: 1, pad: 1, groups: 2, splits: 2},
	{name: "two wide branches, slices", typ: BF16, n: 4, h: 5, w: 7, k: 256, kOff: 64, kPitch: 320, c: 256, cPitch: 264, r: 3, stride: 1, pad: 1, groups: 2, splits: 2},
	{name: "96 channels", typ: BF16, n: 1, h: 3, w: 6, k: 96, c: 96, r: 3, stride: 1, pad: 1, splits: 0},
	{name: "192 by 96", more: true, typ: F16, n: 2, h: 2, w: 16, k: 192, c: 96, r: 3, stride: 1, pad: 1, splits: 2},
	{name: "one row", typ: F16, n: 29, h: 1, w: 9, k: 16, c: 24, r: 3, stride: 1, pad: 1, splits: 2},
	{name: "one pixel", typ: BF16, n: 1, h: 1, w: 1, k: 8, c: 8, r: 3, stride: 1, pad: 1, splits: 4},
	{name: "no padding", more: true, typ: BF16, n: 18, h: 6, w: 5, k: 40, c: 16, r: 3, stride: 1, splits: 2},
	{name: "no padding, stride 2", typ: BF16, n: 2, h: 6, w: 5, k: 80, c: 16, r: 3, stride: 2, splits: 2},
	{name: "1x1", more: true, typ: BF16, n: 5, h: 8, w: 8, k: 256, c: 64, r: 1, stride: 1, splits: 3},
	{name: "1x1 of groups", typ: F16, n: 7, h: 5, w: 7, k: 256, c: 512, r: 1, stride: 1, groups: 4, splits: 2},
	{name: "1x1, stride 2, slice", typ: BF16, n: 23, h: 7, w: 6, k: 24, c: 32, cOff: 8, cPitch: 48, r: 1, stride: 2, splits: 1},
	{name: "1x1 of 1024", typ: BF16, n: 2, h: 2, w: 2, k: 1024, c: 384, r: 1, stride: 1, splits: 2},
	{name: "1x1, rows in parts", more: true, typ: BF16, n: 2, h: 7, w: 40, k: 64, c: 16, r: 1, stride: 1, splits: 3},
	{name: "wide rows", more: true, typ: BF16, n: 1, h: 3, w: 70, k: 32, c: 8, r: 3, stride: 1, pad: 1, splits: 2},
}

// TestWGrad compares the kernels with sums in float64, for whole batches and ragged ones; the
// numbers around dw and its parts never change.
func TestWGrad(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	for _, c := range wgradCases {
		t.Run(c.name, func(t *testing.T) {
			if c.more {
				exhaustive.Only(t)
			}
			s := c.spec()
			tile := s.tile(newBuilder("wgrad"))
			t.Logf("%d tiles a group, %d chunks of %d images by 1/%d, in %d parts", tile.tiles, ceil(c.n, tile.ni)*tile.parts, tile.ni, tile.parts, s.splits(tile, c.n))
			x := randoms(r, c.typ, c.n*c.h*c.w*s.X.Pitch, 0, 1)
			if c.padded {
				for i := range x.len() {
					if i%s.X.Pitch >= 3 {
						x.set(i, 0)
					}
				}
			}
			dy := randoms(r, c.typ, c.n*tile.p*tile.q*s.DY.Pitch, 0.1, 1)
			checkWGrad(t, s, tile, x, dy, c.n, wgrad(t, s, x, dy, c.n))
			if c.n > 1 {
				checkWGrad(t, s, tile, x, dy, c.n-1, wgrad(t, s, x, dy, c.n-1))
			}
		})
	}
}

const wgradOff, guard = 5, 777.0

// wgrad runs both kernels and returns dw, in the middle of numbers that must not change.
func wgrad(t *testing.T, s WGradSpec, x, dy *memory, n int) *memory {
	t.Helper()
	k, err := s.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	size := s.tile(newBuilder("wgrad")).size
	dw := newMemory(F32, make([]float64, size+2*wgradOff))
	for i := range dw.len() {
		dw.set(i, guard)
	}
	partial := scratch(k, n)
	for i := range partial.len() {
		partial.set(i, math.NaN()) // the kernel must overwrite all of it
	}
	run(t, s, n, map[string]any{"x": x, "dy": dy, "dw": dw, "off": wgradOff, "partial": partial, "n": n})
	if s.Splits > 1 {
		run(t, WGradSumSpec{s}, n, map[string]any{"partial": partial, "dw": dw, "off": wgradOff, "n": n})
	}
	return dw
}

func checkWGrad(t *testing.T, s WGradSpec, tile wgradTile, x, dy *memory, n int, dw *memory) {
	t.Helper()
	for i := range wgradOff {
		if dw.at(i) != guard || dw.at(dw.len()-1-i) != guard {
			t.Fatalf("%d images: dw is written outside", n)
		}
	}
	bad := 0
	xs, dys := make([]float64, x.len()), make([]float64, dy.len())
	for i := range xs {
		xs[i] = x.at(i)
	}
	for i := range dys {
		dys[i] = dy.at(i)
	}
	at := wgradOff
	for k := range s.DY.C {
		for fr := range s.R {
			for fs := range s.R {
				for c := range tile.cg {
					want, size := 0.0, 0.0
					for i := range n {
						for p := range tile.p {
							h := p*s.Stride + fr - s.PadH
							if h < 0 || h >= s.H {
								continue
							}
							for q := range tile.q {
								if w := q*s.Stride + fs - s.PadW; w >= 0 && w < s.W {
									v := dys[((i*tile.p+p)*tile.q+q)*s.DY.Pitch+s.DY.Off+k] * xs[((i*s.H+h)*s.W+w)*s.X.Pitch+s.X.Off+k/tile.kg*tile.cg+c]
									want, size = want+v, size+math.Abs(v)
								}
							}
						}
					}
					if have := dw.at(at); !(math.Abs(have-want) <= 1e-6*size) && bad < 5 {
						bad++
						t.Errorf("%d images: dw[%d][%d][%d][%d]: want %v, have %v", n, k, fr, fs, c, want, have)
					}
					at++
				}
			}
		}
	}
}

// TestWGradOrder checks that other orders of blocks and threads give the same bits, and looks for
// races on shared memory.
func TestWGradOrder(t *testing.T) {
	emu.Only(t)
	r := rand.New(rand.NewPCG(12, 2))
	for _, c := range []wgradCase{
		{typ: BF16, n: 5, h: 8, w: 8, k: 48, c: 32, r: 3, stride: 1, pad: 1, splits: 3},
		{typ: F16, n: 3, h: 8, w: 6, k: 64, c: 48, r: 3, stride: 2, pad: 1, groups: 2, splits: 2},
		{typ: BF16, n: 5, h: 8, w: 8, k: 32, c: 32, r: 1, stride: 1, splits: 2},
	} {
		s := c.spec()
		tile := s.tile(newBuilder("wgrad"))
		x, dy := randoms(r, c.typ, c.n*c.h*c.w*s.X.Pitch, 0, 1), randoms(r, c.typ, c.n*tile.p*tile.q*s.DY.Pitch, 0, 1)
		var first string
		for seed := range 3 {
			emu.With(t, fmt.Sprintf("seed=%d;threads=%d;races=1", seed, 1+seed%2*3))
			dw := string(wgrad(t, s, x, dy, c.n).data)
			if seed == 0 {
				first = dw
			} else if dw != first {
				t.Errorf("%+v: order %d gives other bits", s, seed)
			}
		}
	}
}

// TestWGradTiles records the division of the networks' weight gradients on 132 multiprocessors:
// threads, blocks, shared memory, and bytes of the parts.
func TestWGradTiles(t *testing.T) {
	for _, c := range []struct {
		what                          string
		n, h, k, c, r, stride, groups int
		threads                       int
		grid                          [3]uint32
		shared, partial               int
	}{
		{"26 2x32d, stem", 128, 32, 16, 8, 3, 1, 1, 384, [3]uint32{1, 1, 128}, 38176, 589824},
		{"26 2x32d, first block", 128, 32, 96, 16, 3, 1, 1, 384, [3]uint32{1, 1, 128}, 74464, 7077888},
		{"26 2x32d, stage 1", 128, 32, 64, 32, 3, 1, 1, 384, [3]uint32{1, 1, 128}, 73728, 9437184},
		{"26 2x32d, stage 1, branches", 128, 32, 64, 64, 3, 1, 2, 384, [3]uint32{1, 2, 64}, 98080, 4718592},
		{"26 2x32d, to stage 2", 128, 32, 192, 32, 3, 2, 1, 384, [3]uint32{3, 1, 43}, 99720, 9510912},
		{"26 2x32d, stage 3", 128, 8, 256, 128, 3, 1, 1, 384, [3]uint32{16, 1, 8}, 73728, 9437184},
		{"26 2x96d, to stage 3", 128, 16, 768, 192, 3, 2, 1, 384, [3]uint32{72, 1, 5}, 73728, 26542080},
		{"26 2x96d, stage 3, branches", 128, 8, 768, 768, 3, 1, 2, 384, [3]uint32{72, 2, 4}, 73728, 42467328},
		{"ResNeXt-29, 1x1", 32, 32, 256, 64, 1, 1, 1, 256, [3]uint32{2, 1, 59}, 98048, 3866624},
		{"ResNeXt-29, groups of 256", 32, 8, 2048, 2048, 3, 1, 8, 384, [3]uint32{32, 8, 1}, 73728, 0},
	} {
		s := WGradSpec{Type: BF16, H: c.h, W: c.h, X: Slice{C: c.c, Pitch: c.c}, DY: Slice{C: c.k, Pitch: c.k}, R: c.r, Stride: c.stride, PadH: c.r / 2, PadW: c.r / 2, Groups: c.groups}
		var err error
		if s.Splits, err = s.Split(c.n, 132); err != nil {
			t.Fatal(err)
		}
		k, err := s.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		l := k.Launch(c.n)
		if l.Grid != c.grid || l.Block[0] != uint32(c.threads) || l.Shared != uint32(c.shared) || 4*k.Scratch(c.n) != c.partial {
			t.Errorf("%s: grid %v of %d threads, %d bytes of shared memory, %d of parts: want %v, %d, %d, %d", c.what, l.Grid, l.Block[0], l.Shared, 4*k.Scratch(c.n), c.grid, c.threads, c.shared, c.partial)
		}
	}
}

// TestWGradErrors: an error names the field that the kernel does not support.
func TestWGradErrors(t *testing.T) {
	good := WGradSpec{Type: BF16, H: 8, W: 8, X: Slice{C: 16, Pitch: 16}, DY: Slice{C: 16, Pitch: 16}, R: 3, Stride: 1, PadH: 1, PadW: 1, Groups: 1, Splits: 2}
	for field, f := range map[string]func(s *WGradSpec){
		"Type":    func(s *WGradSpec) { s.Type = F32 },
		"R":       func(s *WGradSpec) { s.R = 5 },
		"Stride":  func(s *WGradSpec) { s.Stride = 3 },
		"PadH":    func(s *WGradSpec) { s.PadH = 3 },
		"PadW":    func(s *WGradSpec) { s.PadW = -1 },
		"H, W":    func(s *WGradSpec) { s.H, s.PadH = 2, 0 },
		"Groups":  func(s *WGradSpec) { s.Groups = 0 },
		"Splits":  func(s *WGradSpec) { s.Splits = -1 },
		"X.C":     func(s *WGradSpec) { s.X.C = 12 },
		"DY.C":    func(s *WGradSpec) { s.Groups = 2; s.X.C, s.X.Pitch, s.DY.C, s.DY.Pitch = 16, 16, 24, 24 },
		"X":       func(s *WGradSpec) { s.X.Off = 1 },
		"DY":      func(s *WGradSpec) { s.DY.Pitch = 20 },
		"W":       func(s *WGradSpec) { s.W = 4096 },
		"X.Pitch": func(s *WGradSpec) { s.H, s.W, s.X.Pitch = 16384, 16384, 16 },
	} {
		s := good
		f(&s)
		_, err := s.Kernel()
		if e, ok := err.(*SpecError); !ok || e.Field != field {
			t.Errorf("want an error of %s, have %v", field, err)
		}
	}
	s := good
	s.Splits = 1
	if _, err := (WGradSumSpec{s}).Kernel(); err == nil {
		t.Error("a sum of one part: want an error")
	}
}
