package cpu

import (
	"fmt"
	"testing"
)

// bench is a batch of 128 images in two replicas at one stage of 26 2x32d, with the best instruction set and all cores.
type bench struct {
	p     *Pool
	a     *Arena
	b     *Batch
	off   int64
	c, hw int
}

const benchImages = 128

func everyStage(b *testing.B, f func(b *testing.B, x *bench)) {
	for _, s := range []struct{ c, hw int }{{32, 32}, {64, 16}, {128, 8}} {
		b.Run(fmt.Sprintf("N%dC%dH%d", benchImages, s.c, s.hw), func(b *testing.B) {
			x := &bench{p: NewPool(0), a: arenaOf(8 * TensorFloats(benchImages, s.c, s.hw, s.hw)), c: s.c, hw: s.hw}
			defer x.p.Close()
			defer x.a.Close()
			x.b = NewBatch(x.p, benchImages, 2)
			x.b.Set(benchImages)
			f(b, x)
		})
	}
}

func (x *bench) tensor() *Tensor {
	t := x.a.Tensor(x.off, benchImages, x.c, x.hw, x.hw)
	x.off += TensorFloats(benchImages, x.c, x.hw, x.hw)
	v := make([]float32, x.c*x.hw*x.hw)
	for i := range v {
		v[i] = float32(i%17) - 8
	}
	for i := range t.N {
		t.Set(i, v)
	}
	return t
}

func (x *bench) norm() *Norm {
	index := make([]int32, x.c)
	m, err := NewNorm(x.p, NormSpec{C: x.c, Replicas: 2, MaxN: benchImages, HW: x.hw * x.hw, Gamma: index, Beta: index})
	if err != nil {
		panic(err)
	}
	m.FinalizeEval([]float32{1}, 0)
	return m
}

// coefs are one factor an image.
func (x *bench) coefs() []float32 {
	f := x.p.Floats(benchImages)
	for i := range f {
		f[i] = 0.5
	}
	return f
}

// run times an operation that reads and writes tensors whole tensors.
func (x *bench) run(b *testing.B, tensors int, op interface{ Run(*Batch) }, err error) {
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * int64(tensors) * TensorFloats(benchImages, x.c, x.hw, x.hw))
	for b.Loop() {
		op.Run(x.b)
	}
	images(b)
}

// images reports images a second beside the bytes.
func images(b *testing.B) {
	b.ReportMetric(float64(benchImages)*float64(b.N)/b.Elapsed().Seconds(), "img/s")
}

func BenchmarkJoin(b *testing.B) {
	everyStage(b, func(b *testing.B, x *bench) {
		skip := View{T: x.tensor(), C: x.c}
		s := JoinSpec{Skip: &skip, Y: x.tensor()}
		for range 2 {
			s.Branches = append(s.Branches, View{T: x.tensor(), C: x.c, Norm: x.norm()})
			s.Coefs = append(s.Coefs, x.coefs())
		}
		op, err := NewJoin(x.p, s)
		x.run(b, 4, op, err)
	})
}

// The sums of both branches' norms behind a join: three tensors, since they share its gradient.
func BenchmarkSums(b *testing.B) {
	everyStage(b, func(b *testing.B, x *bench) {
		var sums []Sums
		g := x.tensor()
		for range 2 {
			m := x.norm()
			sums = append(sums, Sums{Norm: m, Of: Grad{G: g, C: x.c, Coef: x.coefs(), Norm: m, Y: x.tensor()}})
		}
		op, err := NewSums(x.p, sums)
		x.run(b, 3, op, err)
	})
}

func BenchmarkStats(b *testing.B) {
	everyStage(b, func(b *testing.B, x *bench) {
		op, err := NewStats(x.p, x.tensor(), []Stats{{Norm: x.norm()}})
		x.run(b, 1, op, err)
	})
}

func BenchmarkApply(b *testing.B) {
	everyStage(b, func(b *testing.B, x *bench) {
		op, err := NewApply(x.p, View{T: x.tensor(), C: x.c, Norm: x.norm(), ReLU: true}, x.tensor(), nil)
		x.run(b, 2, op, err)
	})
}

// A norm's gradient, ReLU behind it, added to what is there: two tensors read, one read and written.
func BenchmarkGradApply(b *testing.B) {
	everyStage(b, func(b *testing.B, x *bench) {
		g := Grad{G: x.tensor(), C: x.c, Norm: x.norm(), Y: x.tensor(), ReLU: true}
		op, err := NewGradApply(x.p, GradApplySpec{Dst: x.tensor(), Accumulate: true, Terms: []Grad{g}})
		x.run(b, 4, op, err)
	})
}

func BenchmarkNormFinalize(b *testing.B) {
	everyStage(b, func(b *testing.B, x *bench) {
		m := x.norm()
		params := []float32{1}
		for b.Loop() {
			m.FinalizeTrain(x.b, params, 0.1)
			m.FinalizeBackward(x.b, params, params)
		}
	})
}

// The parameters of 26 2x32d: three arrays read, two written.
func BenchmarkSGD(b *testing.B) {
	const n = 2923162
	p := NewPool(0)
	defer p.Close()
	w, v, g := p.Floats(n), p.Floats(n), p.Floats(n)
	b.SetBytes(5 * 4 * n)
	for b.Loop() {
		SGD(p, w, v, g, 0.1, 0.9, 1e-4, true, false)
	}
}

func BenchmarkAugment(b *testing.B) {
	p := NewPool(0)
	defer p.Close()
	a, err := NewAugment(p, AugmentSpec{Pix: make([]byte, 3*32*32), C: 3, H: 32, W: 32, Mean: []float64{1, 2, 3}, Std: []float64{1, 2, 3}, Pad: 4})
	if err != nil {
		b.Fatal(err)
	}
	floats := TensorFloats(benchImages, 3, 32, 32)
	arena := arenaOf(floats)
	defer arena.Close()
	x, index, at := arena.Tensor(0, benchImages, 3, 32, 32), make([]int32, benchImages), make([]int8, benchImages)
	batch := NewBatch(p, benchImages, 2)
	batch.Set(benchImages)
	b.SetBytes(4 * floats)
	for b.Loop() {
		if err := a.Run(batch, index, make([]uint8, benchImages), at, at, x); err != nil {
			b.Fatal(err)
		}
	}
	images(b)
}
