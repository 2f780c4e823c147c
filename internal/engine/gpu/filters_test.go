package gpu

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"shake/cudnn"
	"shake/cudnn/cudnntest"
	"shake/nets"
)

// The model's counts for weight gradients of 26 2x32d, batch 128, beside the counts that follow
// from the workspaces of NVIDIA's plans (TestRealSlices).
func TestFilterShape(t *testing.T) {
	knob := cudnn.Knob{Type: cudnn.KnobSplitKSlices, Min: 1, Max: 128, Stride: 1}
	for _, c := range []struct {
		x, dw                   []int64
		groups                  int
		tiles, tapTiles, s1, s2 int64
	}{
		{[]int64{128, 8, 32, 32}, []int64{16, 8, 3, 3}, 1, 1, 9, 128, 128},
		{[]int64{128, 32, 32, 32}, []int64{64, 32, 3, 3}, 1, 3, 9, 44, 88},
		{[]int64{128, 64, 16, 16}, []int64{128, 64, 3, 3}, 1, 5, 9, 26, 52},
		{[]int64{128, 128, 8, 8}, []int64{256, 128, 3, 3}, 1, 18, 18, 7, 14},
		{[]int64{128, 64, 32, 32}, []int64{64, 32, 3, 3}, 2, 6, 18, 22, 44},
		{[]int64{1, 8, 8, 8}, []int64{8, 8, 3, 3}, 1, 1, 9, 1, 1}, // a sum too short to be cut
	} {
		x, dw := cudnn.NHWC(int(c.x[0]), int(c.x[1]), int(c.x[2]), int(c.x[3]), cudnn.BF16), cudnn.NHWC(int(c.dw[0]), int(c.dw[1]), int(c.dw[2]), int(c.dw[3]), cudnn.F32)
		desc := cudnn.ConvDesc{Pad: [2]int{1, 1}, Groups: c.groups}
		dy, err := desc.Output(x, dw)
		if err != nil {
			t.Fatal(err)
		}
		s := shapeOf(x, dy, dw, desc)
		have := []int64{s.tiles(), s.tapTiles(), s.slices(132, 1, knob), s.slices(132, 2, knob)}
		if want := []int64{c.tiles, c.tapTiles, c.s1, c.s2}; fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("x %v, dw %v, %d groups: tiles, tiles by tap, slices that fill 132 multiprocessors once and twice: have %v, want %v", c.x, c.dw, c.groups, have, want)
		}
	}
	s := filterShape{k: 64, c: 32, taps: 9, groups: 1, sum: 131072}
	whole, cut := s.cost(1, 9, 132), s.cost(44, 132, 132)
	if whole < 20*cut {
		t.Errorf("on nine multiprocessors it costs %d, on all of them %d", whole, cut)
	}
	if a, b := s.slices(132, 1, cudnn.Knob{Min: 1, Max: 129, Stride: 8}), int64(41); a != b {
		t.Errorf("of a knob with a stride of 8: %d slices, want %d", a, b)
	}
}

// TestRealSlices cuts the sum of every dense weight gradient of the built-in networks, in bf16, by
// the engine that the real cuDNN has for it: into 4, 16 and 64 slices in turn, or into all three
// with SHAKE_PLANS=all. Every plan succeeds, and is deterministic; of a gradient that is a slice of
// a buffer there is none, because its engine refuses that.
func TestRealSlices(t *testing.T) {
	counts := []int64{4, 16, 64}
	h := cudnntest.Offline(t, "h100")
	seen := map[string]bool{}
	shapes, plans, refused := 0, 0, 0
	for _, name := range nets.Names() {
		spec, err := nets.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		p := precisions[0]
		l := list(t, spec, p.storage, spec.Train.Batch, spec.Train.Replicas)
		for _, o := range l.Ops {
			f, ok := o.(*ConvFilter)
			if !ok || f.Call.Groups > 1 {
				continue
			}
			c := l.convolution(o, l.Batch, p)
			if seen[c.key()] {
				continue
			}
			seen[c.key()] = true
			g := cudnn.ConvBackwardFilterF32Graph(c.t[0], c.t[1], c.t[2], c.desc)
			s := shapeOf(c.t[0], c.t[1], c.t[2], c.desc)
			for i, n := range counts {
				if i != shapes%len(counts) && os.Getenv("SHAKE_PLANS") != "all" {
					continue
				}
				config := cudnn.EngineConfig{Engine: 1, Settings: []cudnn.Setting{{Type: cudnn.KnobSplitKSlices, Value: n}}}
				plan, err := h.Plan(g, cudnn.Deterministic(), cudnn.UseEngine(config))
				if dy := c.t[1]; dy.Bytes() > 2*dy.Elements() {
					if refused++; !errors.Is(err, cudnn.ErrNotSupported) {
						t.Errorf("%s, a slice: want cudnn.ErrNotSupported, have %v", l.op(o), err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", l.op(o), err)
					continue
				}
				plans++
				// The workspace holds the slices, whole tiles each.
				if tiles := plan.Workspace() / (4 * tile * tile * n); tiles < 1 || tiles > 2*s.tiles() || 2*tiles < s.tiles() {
					t.Errorf("%s: a workspace of %d is for %d tiles of %d slices, the model says %d tiles", plan, plan.Workspace(), tiles, n, s.tiles())
				}
				if err := plan.Close(); err != nil {
					t.Error(err)
				}
			}
			shapes++
		}
	}
	if t.Logf("cuDNN %s: %d dense shapes, %d plans, %d slices refused", h.Version(), shapes, plans, refused); shapes < 20 || refused == 0 {
		t.Errorf("%d shapes, %d slices", shapes, refused)
	}
}
