package gpu

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	kernels "shake/csrc/cuda"
	"shake/nets"
)

func rivalsOf(t *testing.T, l *List) []*rival {
	t.Helper()
	rs, err := l.rivals(precisions[0], usualChip)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// The rivals in the built-in networks. Our weight gradient takes every one of their convolutions,
// our convolution all but the stem of three channels, and cooperative launches every gradient in
// front of a norm.
func TestRivals(t *testing.T) {
	// Every convolution in front of statistics has a rival: three a block and the stem of 26 2x32d,
	// five a block of ResNeXt. A norm that takes its statistics alone has a view of its own behind
	// it: the stem's, and those in the middle of ResNeXt's branches. Norms of both branches' first
	// convolution, and of a skip's beside it, share their statistics. The stem of the quick net has
	// a second reader, for which the gradient is written.
	want := map[string]map[string]int{
		"26-2x32d":  {ConvStats: 37, BatchNorm: 1, BatchNormBackward: 1, OwnFilter: 37, OwnConv: 36, CooperativeBackward: 25},
		"resnext29": {ConvStats: 48, BatchNorm: 19, BatchNormBackward: 19, OwnFilter: 48, OwnConv: 47, CooperativeBackward: 37},
		"quick":     {ConvStats: 10, BatchNorm: 1, OwnFilter: 10, OwnConv: 9, CooperativeBackward: 7},
	}
	for name, want := range want {
		s, err := nets.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]int{}
		for _, r := range rivalsOf(t, list(t, s, kernels.BF16, s.Train.Batch, s.Train.Replicas)) {
			have[r.kind]++
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s (-want +have):\n%s", name, d)
		}
	}
}

// A rival binds as many tensors as its graph, each within whole lanes of a buffer or a norm, and
// the graphs are sound.
func TestRivalsBind(t *testing.T) {
	eachList(t, func(t *testing.T, l *List) {
		for _, r := range rivalsOf(t, l) {
			if r.at < 0 || r.count < 1 || r.at+r.count > len(l.Ops) || len(r.after) == 0 {
				t.Errorf("%v of %d ops with %d kernels behind it", r, len(l.Ops), len(r.after))
			}
			for _, g := range r.graphs {
				graph := g.make(3)
				if err := graph.Check(); err != nil {
					t.Errorf("%v: %v", r, err)
					continue
				}
				if names := graph.Bindings(); len(names) != len(g.bound) {
					t.Errorf("%v: binds %d of %v", r, len(g.bound), names)
				}
				for i, b := range g.bound {
					if b.off%16 != 0 || b.replica%16 != 0 || b.image%16 != 0 {
						t.Errorf("%v: %s stands at %+v: want multiples of 16", r, graph.Bindings()[i], b)
					}
				}
			}
		}
	})
}

func TestFastest(t *testing.T) {
	a, b, c := &rival{kind: "a", at: 0, count: 2}, &rival{kind: "b", at: 1, count: 2}, &rival{kind: "c", at: 3, count: 1}
	all := []*rival{a, b, c}
	own := []time.Duration{10, 10, 10, 5}
	for _, x := range []struct {
		took map[*rival]time.Duration
		want []*rival
	}{
		{nil, nil},
		{map[*rival]time.Duration{a: 19, b: 15, c: 6}, []*rival{b}},
		{map[*rival]time.Duration{a: 12, b: 15, c: 4}, []*rival{a, c}},
		{map[*rival]time.Duration{a: 20, b: 20, c: 5}, nil},
		{map[*rival]time.Duration{b: 1}, []*rival{b}},
	} {
		have := fastest(own, all, x.took)
		name := func(rs []*rival) (s []string) {
			for _, r := range rs {
				s = append(s, r.kind)
			}
			return s
		}
		if d := cmp.Diff(name(x.want), name(have)); d != "" {
			t.Errorf("%v: (-want +have)\n%s", maps.Values(x.took), d)
		}
	}
}
