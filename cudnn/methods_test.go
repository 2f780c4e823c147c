package cudnn_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shake/cudnn"
	"shake/cudnn/cuda"
)

// outcome runs a plan on random tensors, the same for the same bindings, and returns the contents
// of all tensors afterwards. It closes the plan.
func (c *card) outcome(p *cudnn.Plan, bound []cudnn.TensorDesc) [][]float64 {
	c.t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	var tensors []*tensor
	var ptrs []cuda.Ptr
	for _, d := range bound {
		if d.Type == cudnn.Bool { // bits, which outcome neither fills nor reads
			d = cudnn.NHWC(1, int(d.Bytes()), 1, 1, cudnn.I8)
		}
		x := c.put(d, random(r, d.Elements()))
		tensors, ptrs = append(tensors, x), append(ptrs, x.ptr())
	}
	c.check(p.Run(c.work(p), ptrs...))
	c.check(c.s.Synchronize())
	var out [][]float64
	for _, x := range tensors {
		out = append(out, c.get(x))
	}
	c.check(p.Close())
	return out
}

// TestMethods: each method that prepares one operation has the bindings and the bits of a graph
// built by hand.
func TestMethods(t *testing.T) {
	c := open(t)
	h := c.h
	d, wd, one := cudnn.NHWC(2, 16, 4, 4, f32), cudnn.NHWC(16, 16, 3, 3, f32), cudnn.PerChannel(16, f32)
	half := cudnn.NHWC(2, 16, 2, 2, f32)
	conv, norm := cudnn.ConvDesc{Pad: [2]int{1, 1}}, cudnn.NormDesc{ReLU: true}
	pool := cudnn.PoolDesc{Mode: cudnn.AvgPool, Window: [2]int{2, 2}}
	for _, m := range []struct {
		name string
		plan func() (*cudnn.Plan, error)
		hand func(g *cudnn.Graph) *cudnn.Graph
	}{
		{"ActivationForward", func() (*cudnn.Plan, error) { return h.ActivationForward(cudnn.Tanh, d, d) }, func(g *cudnn.Graph) *cudnn.Graph {
			g.Store("y", g.Activation(cudnn.Tanh, g.Input("x", d)), d)
			return g
		}},
		{"ActivationBackward", func() (*cudnn.Plan, error) { return h.ActivationBackward(cudnn.Tanh, d, d, d) }, func(g *cudnn.Graph) *cudnn.Graph {
			x := g.Input("x", d)
			g.Store("dx", g.ActivationBackward(cudnn.Tanh, g.Input("dy", d), x), d)
			return g
		}},
		{"AddTensor", func() (*cudnn.Plan, error) { return h.AddTensor(d, one, d) }, func(g *cudnn.Graph) *cudnn.Graph {
			x := g.Input("x", d)
			g.Store("y", g.Add(x, g.Input("b", one)), d)
			return g
		}},
		{"Reduce", func() (*cudnn.Plan, error) { return h.Reduce(cudnn.Maximum, d, one) }, func(g *cudnn.Graph) *cudnn.Graph {
			g.Store("y", g.Reduce(cudnn.Maximum, g.Input("x", d), one.Dims), one)
			return g
		}},
		{"ConvBackwardData", func() (*cudnn.Plan, error) { return h.ConvBackwardData(d, wd, d, conv) }, func(g *cudnn.Graph) *cudnn.Graph {
			dy := g.Input("dy", d)
			g.Store("dx", g.ConvBackwardData(dy, g.Input("w", wd), d.Dims, conv), d)
			return g
		}},
		{"BatchNormForward", func() (*cudnn.Plan, error) { return h.BatchNormForward(d, d, norm) }, func(*cudnn.Graph) *cudnn.Graph {
			return cudnn.BatchNormForwardGraph(d, d, norm)
		}},
		{"BatchNormBackward", func() (*cudnn.Plan, error) { return h.BatchNormBackward(d, d, d, norm) }, func(*cudnn.Graph) *cudnn.Graph {
			return cudnn.BatchNormBackwardGraph(d, d, d, norm)
		}},
		{"BatchNormInference", func() (*cudnn.Plan, error) { return h.BatchNormInference(d, d, norm) }, func(*cudnn.Graph) *cudnn.Graph {
			return cudnn.BatchNormInferenceGraph(d, d, norm)
		}},
		{"PoolForward", func() (*cudnn.Plan, error) { return h.PoolForward(d, half, pool) }, func(*cudnn.Graph) *cudnn.Graph {
			return cudnn.PoolForwardGraph(d, half, pool)
		}},
		{"PoolBackward", func() (*cudnn.Plan, error) { return h.PoolBackward(half, d, pool) }, func(*cudnn.Graph) *cudnn.Graph {
			return cudnn.PoolBackwardGraph(half, d, pool)
		}},
	} {
		c.what = m.name
		p, err := m.plan()
		if errors.Is(err, cudnn.ErrNotSupported) {
			t.Logf("%s: %v", m.name, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		g := m.hand(cudnn.NewGraph(m.name))
		if diff := cmp.Diff(g.Bindings(), p.Bindings()); diff != "" {
			t.Errorf("%s: bindings (-graph +method):\n%s", m.name, diff)
		}
		q, err := h.Plan(g)
		if err != nil {
			t.Errorf("%s by hand: %v", m.name, err)
			c.check(p.Close())
			continue
		}
		have, want := c.outcome(p, g.Bound()), c.outcome(q, g.Bound())
		if !slices.EqualFunc(have, want, slices.Equal[[]float64]) {
			t.Errorf("%s: the method and the graph differ", m.name)
		}
	}
}

// TestPlans: every plan that Plans and ConvBackwardDataPlans list has the same result but for
// rounding.
func TestPlans(t *testing.T) {
	c := open(t)
	d, wd, conv := cudnn.NHWC(2, 16, 4, 4, f32), cudnn.NHWC(16, 16, 3, 3, f32), cudnn.ConvDesc{Pad: [2]int{1, 1}}
	g := cudnn.ConvBackwardDataGraph(d, wd, d, conv)
	plans, err := c.h.Plans(g)
	if err != nil {
		t.Fatal(err)
	}
	same, err := c.h.ConvBackwardDataPlans(d, wd, d, conv)
	if err != nil || len(same) != len(plans) || len(plans) == 0 {
		t.Fatalf("%d plans of the method, %d of its graph, %v", len(same), len(plans), err)
	}
	var want []float64
	for i, p := range append(plans, same...) {
		have := c.outcome(p, g.Bound())[2]
		if i == 0 {
			want = have
		}
		c.compare("dx", f32, have, want, ones(len(want), 16*9))
	}
}

// TestMulScalar: a number fixed with the plan scales a tensor.
func TestMulScalar(t *testing.T) {
	c := open(t)
	d := cudnn.NHWC(2, 16, 4, 4, f32)
	x, y := c.put(d, random(rand.New(rand.NewPCG(1, 3)), d.Elements())), c.put(d, zeros(d))
	g := cudnn.NewGraph("three times")
	g.Store("y", g.Mul(g.Input("x", d), g.Scalar("three", 3)), d)
	want := zeros(d)
	for i, v := range x.v {
		want[i] = 3 * v
	}
	if c.run("mul", g, nil, x, y) {
		c.compare("y", f32, c.get(y), want, ones(len(want), 3))
	} else {
		t.Error("not supported")
	}
}

// TestSoftmax: Forward computes probabilities. By Backward, adding a constant to all x of an image
// changes nothing.
func TestSoftmax(t *testing.T) {
	c := open(t)
	d := cudnn.NHWC(2, 10, 1, 1, f32)
	r := rand.New(rand.NewPCG(1, 4))
	x, y, dy, dx := c.put(d, random(r, d.Elements())), c.put(d, zeros(d)), c.put(d, random(r, d.Elements())), c.put(d, zeros(d))
	s, err := c.h.Softmax(d, false)
	if err != nil {
		t.Fatal(err)
	}
	c.check(s.Forward(x.ptr(), y.ptr()))
	c.check(s.Backward(y.ptr(), dy.ptr(), dx.ptr()))
	c.check(c.s.Synchronize())
	total, gradient := [2]float64{}, [2]float64{}
	p, g := c.get(y), c.get(dx)
	each(d, func(i, n, _ int) { total[n] += p[i]; gradient[n] += g[i] })
	for n := range 2 {
		if math.Abs(total[n]-1) > 1e-6 || math.Abs(gradient[n]) > 1e-6 {
			t.Errorf("image %d: probabilities sum to %v, gradients to %v", n, total[n], gradient[n])
		}
	}
	c.check(s.Close())
}

// TestPrologueConv has the y of ConvStatsGraph with a prologue.
func TestPrologueConv(t *testing.T) {
	c := open(t)
	d, wd, conv := cudnn.NHWC(2, 16, 4, 4, bf16), cudnn.NHWC(16, 16, 3, 3, bf16), cudnn.ConvDesc{Pad: [2]int{1, 1}}
	alone, beside := cudnn.PrologueConvGraph(d, wd, d, conv), cudnn.ConvStatsGraph(d, wd, d, conv, true)
	p, err := c.h.Plan(alone)
	if errors.Is(err, cudnn.ErrNotSupported) {
		t.Skip(err)
	}
	q, wrong := c.h.Plan(beside)
	if err != nil || wrong != nil {
		t.Fatal(err, wrong)
	}
	have, want := c.outcome(p, alone.Bound()), c.outcome(q, beside.Bound())
	y := slices.Index(alone.Bindings(), "y")
	c.compare("y", bf16, have[y], want[slices.Index(beside.Bindings(), "y")], ones(len(have[y]), 1))
}

func TestDataTypeSize(t *testing.T) {
	for typ, want := range map[cudnn.DataType]int64{cudnn.F32: 4, cudnn.F16: 2, cudnn.BF16: 2, cudnn.I8: 1, cudnn.I32: 4, cudnn.I64: 8, cudnn.Bool: 1, cudnn.TF32: 0} {
		if have := typ.Size(); have != want {
			t.Errorf("%v: %d bytes, want %d", typ, have, want)
		}
	}
}
