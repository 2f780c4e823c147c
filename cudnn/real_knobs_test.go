package cudnn_test

import (
	"errors"
	"strings"
	"testing"

	"shake/cudnn"
	"shake/cudnn/cudnntest"
)

// intoF32 is the graph of a weight gradient that is stored in F32.
func intoF32(x, dy, dw cudnn.TensorDesc, c cudnn.ConvDesc) *cudnn.Graph {
	g := cudnn.NewGraph("wgrad into f32")
	g.Store("dw", g.Identity(g.ConvBackwardFilter(g.Input("x", x), g.Input("dy", dy), dw.Dims, c)), dw)
	return g
}

// TestRealKnobs reads the knobs of the engines of a weight gradient, turns them, and meets
// refusals.
func TestRealKnobs(t *testing.T) {
	h := cudnntest.Offline(t, "h100")
	x, dw, c := cudnn.NHWC(128, 32, 32, 32, cudnn.BF16), cudnn.NHWC(32, 32, 3, 3, cudnn.F32), cudnn.ConvDesc{Pad: [2]int{1, 1}}
	g := intoF32(x, x, dw, c)
	engines, err := h.Engines(g, cudnn.Deterministic())
	if err != nil {
		t.Fatal(err)
	}
	use := func(e int64, s ...cudnn.Setting) cudnn.Option {
		return cudnn.UseEngine(cudnn.EngineConfig{Engine: e, Settings: s})
	}
	var split *cudnn.Engine
	for i, e := range engines {
		t.Logf("%v: %v", e, e.Knobs)
		if k, ok := e.Knob(cudnn.KnobSplitKSlices); ok && split == nil {
			if p, err := h.Plan(g, use(e.Index, cudnn.Setting{k.Type, 4})); err == nil {
				split = &engines[i]
				p.Close()
			}
		}
	}
	if split == nil {
		t.Fatal("no engine cuts the sums of a weight gradient into slices")
	}
	knob, _ := split.Knob(cudnn.KnobSplitKSlices)
	last := int64(0)
	for _, n := range []int64{1, 8, 16} {
		p, err := h.Plan(g, use(split.Index, cudnn.Setting{knob.Type, n}), cudnn.Deterministic())
		if err != nil {
			t.Fatal(err)
		}
		t.Log(p)
		if v, ok := p.Config().Setting(knob.Type); !ok || v != n || p.Config().Engine != split.Index {
			t.Errorf("%d slices: the plan says %v", n, p.Config())
		}
		if n > 1 && (p.Workspace() <= last || p.Workspace() < n*dw.Bytes()) {
			t.Errorf("%d slices: %d bytes of workspace, before %d", n, p.Workspace(), last)
		}
		last = p.Workspace()
		p.Close()
	}
	for _, bad := range []struct {
		name string
		o    cudnn.Option
		kind error
		want string
	}{
		{"a value out of range", use(split.Index, cudnn.Setting{knob.Type, knob.Max + 1}), cudnn.ErrInvalid, knob.String()},
		{"none", use(split.Index, cudnn.Setting{knob.Type, knob.Min - 1}), cudnn.ErrInvalid, knob.String()},
		{"a knob that it has not", use(split.Index, cudnn.Setting{77, 1}), cudnn.ErrInvalid, "no knob KNOB_77"},
		{"a knob twice", use(split.Index, cudnn.Setting{knob.Type, 2}, cudnn.Setting{knob.Type, 3}), cudnn.ErrInvalid, "twice"},
		{"an engine that is not", use(1000), cudnn.ErrInvalid, "e1000"},
		{"a negative engine", use(-1), cudnn.ErrInvalid, "e-1"},
	} {
		_, err := h.Plan(g, bad.o)
		if !errors.Is(err, bad.kind) || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: have %v, want %v with %q", bad.name, err, bad.kind, bad.want)
		}
	}
}

// TestRealKnobsCache keeps a plan of a chosen engine beside the one that the heuristics choose.
// Where the heuristics are not asked, a second setting of the engine takes its place.
func TestRealKnobsCache(t *testing.T) {
	h := cudnntest.Offline(t, "h100")
	cache, err := cudnn.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cache.Report = func(file, why string) { t.Errorf("%s: %s", file, why) }
	h.UseCache(cache)
	x, w := cudnn.NHWC(16, 64, 8, 8, cudnn.BF16), cudnn.NHWC(64, 64, 1, 1, cudnn.F32)
	g := intoF32(x, x, w, cudnn.ConvDesc{})
	slices := func(n int64) []cudnn.Option {
		return []cudnn.Option{cudnn.UseEngine(cudnn.EngineConfig{Engine: 1, Settings: []cudnn.Setting{{cudnn.KnobSplitKSlices, n}}})}
	}
	ways := [][]cudnn.Option{nil, slices(4)}
	if errors.Is(h.Supports(g), cudnn.ErrNotSupported) { // TestRealOperations says on which versions
		ways[0] = slices(8)
	}
	var first [2]string
	for range 2 {
		for i, o := range ways {
			p, err := h.Plan(g, o...)
			if err != nil {
				t.Fatal(err)
			}
			text := p.String() + p.Config().String()
			if first[i] == "" {
				first[i] = text
			} else if text != first[i] {
				t.Errorf("from the cache %s, first %s", text, first[i])
			}
			p.Close()
		}
	}
	if first[0] == first[1] || !strings.Contains(first[1], "SPLIT_K_SLC=4") {
		t.Errorf("first %s, then %s", first[0], first[1])
	}
}
