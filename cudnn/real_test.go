package cudnn_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shake/cudnn"
	"shake/cudnn/cudnntest"
)

// operation is a graph and the real library's answer to it, in bf16, for sm_80 and for sm_90.
type operation struct {
	name string
	g    *cudnn.Graph
	o    []cudnn.Option
	no   bool // not supported
}

// refused says whether a version refuses a graph that the newest takes: see faults.
func (o operation) refused(version string) bool {
	return o.no || o.name == "dw in f32" && strings.HasPrefix(version, "9.10.")
}

func operations() []operation {
	const bf16, f32 = cudnn.BF16, cudnn.F32
	x, half, one := cudnn.NHWC(128, 64, 32, 32, bf16), cudnn.NHWC(128, 64, 16, 16, bf16), cudnn.NHWC(128, 64, 1, 1, bf16)
	xn, halfn := cudnn.NCHW(128, 64, 32, 32, bf16), cudnn.NCHW(128, 64, 16, 16, bf16)
	slice, _, _ := cudnn.NHWC(128, 128, 32, 32, bf16).Channels(64, 64)
	w, dw, odd := cudnn.NHWC(64, 64, 3, 3, bf16), cudnn.NHWC(64, 64, 3, 3, f32), cudnn.NHWC(128, 64, 31, 31, bf16)
	c := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	dilated := cudnn.ConvDesc{Pad: [2]int{2, 2}, Dilation: [2]int{2, 2}}
	asymmetric := cudnn.ConvDesc{Pad: [2]int{1, 1}, PadEnd: &[2]int{0, 0}}
	avg, max := cudnn.PoolDesc{Mode: cudnn.AvgPool, Window: [2]int{32, 32}}, cudnn.PoolDesc{Mode: cudnn.MaxPool, Window: [2]int{2, 2}}
	index := max
	index.Index = true
	intoF32 := cudnn.NewGraph("wgrad into f32")
	intoF32.Store("dw", intoF32.Identity(intoF32.ConvBackwardFilter(intoF32.Input("x", x), intoF32.Input("dy", x), dw.Dims, c)), dw)
	onto := []cudnn.Option{cudnn.Accumulate(1)}
	return []operation{
		{"slice of channels", cudnn.ConvForwardGraph(slice, w, slice, c), nil, false},
		{"slice of channels, data", cudnn.ConvBackwardDataGraph(slice, w, slice, c), nil, false},
		{"slice of channels, filter", cudnn.ConvBackwardFilterGraph(slice, slice, w, c), nil, false},
		{"nchw", cudnn.ConvForwardGraph(xn, cudnn.NCHW(64, 64, 3, 3, bf16), xn, c), nil, false},
		{"dilated", cudnn.ConvForwardGraph(x, w, x, dilated), nil, false},
		{"dilated, data", cudnn.ConvBackwardDataGraph(x, w, x, dilated), nil, false},
		{"dilated, filter", cudnn.ConvBackwardFilterGraph(x, x, w, dilated), nil, false},
		{"asymmetric", cudnn.ConvForwardGraph(x, w, odd, asymmetric), nil, false},
		{"asymmetric, data", cudnn.ConvBackwardDataGraph(odd, w, x, asymmetric), nil, false},
		{"asymmetric, filter", cudnn.ConvBackwardFilterGraph(x, odd, w, asymmetric), nil, false},
		{"scaled", cudnn.ConvForwardGraph(x, w, x, c, cudnn.Scale(0.5)), nil, false},
		{"onto y", cudnn.ConvForwardGraph(x, w, x, c, onto...), onto, false},
		{"onto dx", cudnn.ConvBackwardDataGraph(x, w, x, c, onto...), onto, false},
		{"onto dw", cudnn.ConvBackwardFilterGraph(x, x, w, c, onto...), onto, false},
		{"dw in f32", intoF32, nil, false},
		{"norm", cudnn.BatchNormForwardGraph(x, x, cudnn.NormDesc{}), nil, false},
		{"norm, relu", cudnn.BatchNormForwardGraph(x, x, cudnn.NormDesc{ReLU: true}), nil, false},
		{"norm, add, relu", cudnn.BatchNormForwardGraph(x, x, cudnn.NormDesc{Add: true, ReLU: true}), nil, false},
		{"norm, add", cudnn.BatchNormForwardGraph(x, x, cudnn.NormDesc{Add: true}), nil, true},
		{"norm of a slice", cudnn.BatchNormForwardGraph(slice, x, cudnn.NormDesc{}), nil, true},
		{"norm of a slice, relu", cudnn.BatchNormForwardGraph(slice, x, cudnn.NormDesc{ReLU: true}), nil, true},
		{"norm of a slice, backward", cudnn.BatchNormBackwardGraph(slice, x, x, cudnn.NormDesc{}), nil, true},
		{"norm backward", cudnn.BatchNormBackwardGraph(x, x, x, cudnn.NormDesc{}), nil, false},
		{"norm backward, relu", cudnn.BatchNormBackwardGraph(x, x, x, cudnn.NormDesc{ReLU: true}), nil, false},
		{"norm backward, add, relu", cudnn.BatchNormBackwardGraph(x, x, x, cudnn.NormDesc{Add: true, ReLU: true}), nil, false},
		{"norm, given statistics", cudnn.BatchNormInferenceGraph(x, x, cudnn.NormDesc{}), nil, false},
		{"norm, given statistics, add, relu", cudnn.BatchNormInferenceGraph(x, x, cudnn.NormDesc{Add: true, ReLU: true}), nil, false},
		{"tanh", cudnn.ActivationForwardGraph(cudnn.Tanh, x, x), nil, false},
		{"relu backward", cudnn.ActivationBackwardGraph(cudnn.ReLU, x, x, x), nil, false},
		{"add", cudnn.AddTensorGraph(x, cudnn.PerChannel(64, bf16), x), nil, false},
		{"sum to channels", cudnn.ReduceGraph(cudnn.Sum, x, cudnn.NHWC(1, 64, 1, 1, f32)), nil, false},
		{"largest of the channels", cudnn.ReduceGraph(cudnn.Maximum, x, cudnn.NHWC(128, 1, 32, 32, f32)), nil, false},
		{"sum over positions", cudnn.ReduceGraph(cudnn.Sum, x, cudnn.NHWC(128, 64, 1, 1, f32)), nil, true},
		{"average", cudnn.PoolForwardGraph(x, one, avg), nil, false},
		{"average, backward", cudnn.PoolBackwardGraph(one, x, avg), nil, false},
		{"maximum", cudnn.PoolForwardGraph(x, half, index), nil, false},
		{"maximum, backward", cudnn.PoolBackwardGraph(half, x, index), nil, false},
		{"maximum, backward without an index", cudnn.PoolBackwardGraph(half, x, max), nil, true},
		{"maximum, backward, nchw", cudnn.PoolBackwardGraph(halfn, xn, max), nil, false},
		{"conv, statistics", cudnn.ConvStatsGraph(x, w, x, c, false), nil, false},
		{"prologue, conv, statistics", cudnn.ConvStatsGraph(x, w, x, c, true), nil, false},
		{"prologue, conv", cudnn.PrologueConvGraph(x, w, x, c), nil, false},
		{"conv, scale, bias, add, relu", cudnn.ConvEpilogueGraph(x, w, x, c, cudnn.EpilogueDesc{Scale: true, Bias: true, Add: true, ReLU: true}), nil, false},
		{"conv per image, add", cudnn.ConvEpilogueGraph(x, w, x, c, cudnn.EpilogueDesc{PerImage: true, Add: true}), nil, false},
		{"data, relu", cudnn.ConvBackwardDataReLUGraph(x, w, x, x, c), nil, false},
	}
}

// TestRealOperations plans every kind of operation by the real library for a described card.
func TestRealOperations(t *testing.T) {
	for _, card := range []string{"h100", "a100"} {
		t.Run(card, func(t *testing.T) {
			h := cudnntest.Offline(t, card)
			t.Logf("cuDNN %s plans for %s", h.Version(), h.Card())
			for _, o := range operations() {
				if card != "h100" && strings.HasPrefix(o.name, "norm") {
					continue // each takes a second or two to compile and has the same answer
				}
				p, err := h.Plan(o.g, o.o...)
				if o.refused(h.Version()) {
					if !errors.Is(err, cudnn.ErrNotSupported) {
						t.Errorf("%s: have %v, want ErrNotSupported", o.name, err)
					}
				} else if err != nil {
					t.Errorf("%s: %v", o.name, err)
				}
				if err == nil {
					t.Logf("%s: %s, workspace %d", o.name, p.Engine(), p.Workspace())
					if err := p.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// TestRealFilters checks the options against the library's notes on its engines.
func TestRealFilters(t *testing.T) {
	h := cudnntest.Offline(t, "h100")
	x, w := cudnn.NHWC(128, 64, 32, 32, cudnn.F32), cudnn.NHWC(64, 64, 3, 3, cudnn.F32)
	strict := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	rounded := strict
	rounded.Compute = cudnn.TF32
	for _, c := range []struct {
		name   string
		conv   cudnn.ConvDesc
		o      []cudnn.Option
		some   string // a note that some engine must have without the option
		forbid string
	}{
		{"products of tf32", rounded, nil, "tensor cores", "nothing"},
		{"products of f32", strict, nil, "", "tensor cores"},
		{"nondeterministic", strict, nil, "not deterministic", "nothing"},
		{"deterministic", strict, []cudnn.Option{cudnn.Deterministic()}, "", "not deterministic"},
	} {
		plans, err := h.ConvBackwardFilterPlans(x, x, w, c.conv, append(c.o, cudnn.Candidates(20))...)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var notes string
		for _, p := range plans {
			notes += p.Engine() + "\n"
			p.Close()
		}
		if !strings.Contains(notes, c.some) || strings.Contains(notes, c.forbid) {
			t.Errorf("%s: want some with %q, none with %q; have\n%s", c.name, c.some, c.forbid, notes)
		}
	}
	if _, err := h.ConvForward(x, w, x, strict, cudnn.WorkspaceLimit(-1)); !errors.Is(err, cudnn.ErrNotSupported) {
		t.Errorf("no workspace fits: have %v, want ErrNotSupported", err)
	}
	stats := cudnn.ConvStatsGraph(cudnn.NHWC(8, 16, 8, 8, cudnn.BF16), cudnn.NHWC(16, 16, 1, 1, cudnn.BF16), cudnn.NHWC(8, 16, 8, 8, cudnn.BF16), cudnn.ConvDesc{}, false)
	if err := h.Supports(stats, cudnn.Deterministic()); !errors.Is(err, cudnn.ErrNotSupported) {
		t.Errorf("deterministic statistics: have %v, want ErrNotSupported", err)
	}
}

// TestRealCache writes plans, reads them back, and meets damaged files and files of another card.
func TestRealCache(t *testing.T) {
	h := cudnntest.Offline(t, "h100")
	c, err := cudnn.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	c.Report = func(file, why string) { said = append(said, why) }
	h.UseCache(c)
	x, w := cudnn.NHWC(16, 64, 8, 8, cudnn.BF16), cudnn.NHWC(64, 64, 3, 3, cudnn.BF16)
	g := cudnn.ConvEpilogueGraph(x, w, x, cudnn.ConvDesc{Pad: [2]int{1, 1}}, cudnn.EpilogueDesc{Bias: true})
	plan := func(step string) (text string, took time.Duration) {
		t.Helper()
		start := time.Now()
		p, err := h.Plan(g)
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		took = time.Since(start)
		text = p.String()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		return text, took
	}
	files := func() []string {
		names, _ := filepath.Glob(filepath.Join(c.Dir(), "*"))
		return names
	}
	first, slow := plan("first")
	if len(files()) != 1 || len(said) != 0 {
		t.Fatalf("files %v, said %q", files(), said)
	}
	second, fast := plan("from the cache")
	if first != second || fast > slow/2 || len(said) != 0 {
		t.Errorf("first %s in %v, then %s in %v, said %q", first, slow, second, fast, said)
	}
	t.Logf("compiled in %v, read in %v", slow, fast)

	whole, err := os.ReadFile(files()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"cut short", whole[:len(whole)/2]},
		{"one bit", append(append(append([]byte(nil), whole[:len(whole)-9]...), whole[len(whole)-9]^1), whole[len(whole)-8:]...)},
	} {
		said = nil
		if err := os.WriteFile(files()[0], bad.b, 0o644); err != nil {
			t.Fatal(err)
		}
		if again, _ := plan(bad.name); again != first || len(said) != 1 || !strings.Contains(said[0], "damaged") {
			t.Errorf("%s: have %s, said %q", bad.name, again, said)
		}
		if b, err := os.ReadFile(files()[0]); err != nil || len(b) != len(whole) || len(files()) != 1 {
			t.Errorf("%s: not made again: %d bytes, %v, files %v", bad.name, len(b), err, files())
		}
	}

	// A whole file of another card under this one's name: the library refuses it, and it is made
	// again.
	name := files()[0]
	other := cudnntest.Offline(t, "a100")
	oc, err := cudnn.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other.UseCache(oc)
	p, err := other.Plan(g)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	foreign, _ := filepath.Glob(filepath.Join(oc.Dir(), "*"))
	if len(foreign) != 1 || filepath.Base(foreign[0]) == filepath.Base(name) {
		t.Fatalf("the other card's file is %v, this one's %s", foreign, name)
	}
	b, err := os.ReadFile(foreign[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	said = nil
	if again, _ := plan("another card's"); again != first || len(said) != 1 {
		t.Errorf("another card's: have %s, said %q", again, said)
	}
}

// TestRealMisuse makes mistakes that would end the process in the library, or that the library
// accepts.
func TestRealMisuse(t *testing.T) {
	h := cudnntest.Offline(t, "h100")
	x, w := cudnn.NHWC(16, 64, 8, 8, cudnn.BF16), cudnn.NHWC(64, 64, 3, 3, cudnn.BF16)
	c := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	p, err := h.ConvForward(x, w, x, c)
	if err != nil {
		t.Fatal(err)
	}
	var none *cudnn.Handle
	for _, m := range []struct {
		name string
		do   func() error
		want error
	}{
		{"a run without a card", func() error { return p.Run(0, 16, 16, 16) }, cudnn.ErrOffline},
		{"a stream without a card", func() error { return h.SetStream(nil) }, cudnn.ErrOffline},
		{"timing without a card", func() error { _, err := h.Autotune([]*cudnn.Plan{p}, 0); return err }, cudnn.ErrOffline},
		{"an unknown type", func() error { _, err := h.ConvForward(cudnn.NHWC(1, 1, 1, 1, 99), w, x, c); return err }, cudnn.ErrInvalid},
		{"no size", func() error { _, err := h.ConvForward(cudnn.NHWC(0, 64, 8, 8, cudnn.BF16), w, x, c); return err }, cudnn.ErrInvalid},
		{"two types", func() error { _, err := h.ConvForward(x, cudnn.NHWC(64, 64, 3, 3, cudnn.F16), x, c); return err }, cudnn.ErrNotSupported},
		{"an empty graph", func() error { _, err := h.Plan(cudnn.NewGraph("empty")); return err }, cudnn.ErrInvalid},
		{"closing with a plan open", h.Close, cudnn.ErrInvalid},
		{"closing the plan", p.Close, nil},
		{"closing it twice", p.Close, cudnn.ErrClosed},
		{"running it then", func() error { return p.Run(0, 16, 16, 16) }, cudnn.ErrClosed},
		{"no plan", func() error { return (*cudnn.Plan)(nil).Run(0) }, cudnn.ErrClosed},
		{"no handle", func() error { _, err := none.Plan(cudnn.NewGraph("none")); return err }, cudnn.ErrClosed},
		{"no description", func() error { _, err := cudnn.Offline(nil); return err }, cudnn.ErrInvalid},
		{"half a description", func() error { _, err := cudnn.Offline([]byte(`{"deviceName":"x","deviceVer":900}`)); return err }, cudnn.ErrInvalid},
		{"no context", func() error { _, err := cudnn.New(nil); return err }, cudnn.ErrInvalid},
	} {
		if err := m.do(); !errors.Is(err, m.want) {
			t.Errorf("%s: have %v, want %v", m.name, err, m.want)
		}
	}
}

// TestRealConverted: where no engine stores a weight gradient in F32, a 16-bit one is converted.
func TestRealConverted(t *testing.T) {
	h := cudnntest.Offline(t, "a100")
	x, dw := cudnn.NHWC(128, 128, 16, 16, cudnn.BF16), cudnn.NHWC(128, 64, 3, 3, cudnn.F32)
	c := cudnn.ConvDesc{Pad: [2]int{1, 1}, Groups: 2}
	for _, o := range [][]cudnn.Option{nil, {cudnn.Accumulate(1)}, {cudnn.Deterministic()}} {
		p, err := h.ConvBackwardFilter(x, x, dw, c, o...)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(p)
		if p.Workspace() < dw.Elements()*2 || strings.Join(p.Bindings(), " ") != "x dy dw" {
			t.Errorf("workspace %d, bindings %v", p.Workspace(), p.Bindings())
		}
		if err := p.Run(256, 256, 256, 256); !errors.Is(err, cudnn.ErrOffline) {
			t.Errorf("a run without a card: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := p.Close(); !errors.Is(err, cudnn.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
		if o == nil {
			continue
		}
		plans, err := h.ConvBackwardFilterPlans(x, x, dw, c, o...)
		if err != nil || len(plans) != 1 {
			t.Fatalf("have %d plans, %v", len(plans), err)
		}
		plans[0].Close()
	}
	if _, err := h.ConvBackwardFilter(x, x, dw, c, cudnn.WorkspaceLimit(1000)); !errors.Is(err, cudnn.ErrNotSupported) {
		t.Errorf("too little workspace: %v", err)
	}
}
