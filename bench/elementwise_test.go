package bench

import (
	"fmt"
	"testing"

	kernel "shake/csrc/cpu"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// stage is a batch of 128 images in two replicas at one stage of 26 2x32d, with the best
// instruction set and all cores.
type stage struct {
	p     *kernel.Pool
	a     *kernel.Arena
	b     *kernel.Batch
	off   int64
	c, hw int
}

const benchImages = 128

func arena(tb testing.TB, floats int64) *kernel.Arena {
	a, err := kernel.NewArena(floats)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func everyStage(b *testing.B, f func(b *testing.B, x *stage)) {
	for _, s := range []struct{ c, hw int }{{32, 32}, {64, 16}, {128, 8}} {
		b.Run(fmt.Sprintf("N%dC%dH%d", benchImages, s.c, s.hw), func(b *testing.B) {
			x := &stage{p: kernel.NewPool(0), a: arena(b, 8*kernel.TensorFloats(benchImages, s.c, s.hw, s.hw)), c: s.c, hw: s.hw}
			defer x.p.Close()
			defer x.a.Close()
			x.b = kernel.NewBatch(x.p, benchImages, 2)
			x.b.Set(benchImages)
			f(b, x)
		})
	}
}

func (x *stage) tensor() *kernel.Tensor {
	t := x.a.Tensor(x.off, benchImages, x.c, x.hw, x.hw)
	x.off += kernel.TensorFloats(benchImages, x.c, x.hw, x.hw)
	v := make([]float32, x.c*x.hw*x.hw)
	for i := range v {
		v[i] = float32(i%17) - 8
	}
	for i := range t.N {
		t.Set(i, v)
	}
	return t
}

func (x *stage) norm() *kernel.Norm {
	index := make([]int32, x.c)
	m, err := kernel.NewNorm(x.p, kernel.NormSpec{C: x.c, Replicas: 2, MaxN: benchImages, HW: x.hw * x.hw, GammaAt: index, BetaAt: index})
	if err != nil {
		panic(err)
	}
	m.FinalizeEval([]float32{1}, 0)
	return m
}

// factors are one factor an image.
func (x *stage) factors() []float32 {
	f := x.p.Floats(benchImages)
	for i := range f {
		f[i] = 0.5
	}
	return f
}

// run times an operation that reads and writes tensors whole tensors.
func (x *stage) run(b *testing.B, tensors int, op interface{ Run(*kernel.Batch) }, err error) {
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * int64(tensors) * kernel.TensorFloats(benchImages, x.c, x.hw, x.hw))
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
	everyStage(b, func(b *testing.B, x *stage) {
		skip := kernel.View{T: x.tensor(), C: x.c}
		s := kernel.JoinSpec{Skip: &skip, Y: x.tensor()}
		for range 2 {
			s.Branches = append(s.Branches, kernel.View{T: x.tensor(), C: x.c, Norm: x.norm()})
			s.Alpha = append(s.Alpha, x.factors())
		}
		op, err := kernel.NewJoin(x.p, s)
		x.run(b, 4, op, err)
	})
}

// The sums of both branches' norms behind a join: three tensors, since they share its gradient.
func BenchmarkSums(b *testing.B) {
	everyStage(b, func(b *testing.B, x *stage) {
		var sums []kernel.Sums
		g := x.tensor()
		for range 2 {
			m := x.norm()
			sums = append(sums, kernel.Sums{Norm: m, Of: kernel.Grad{G: g, C: x.c, Beta: x.factors(), Norm: m, Y: x.tensor()}})
		}
		op, err := kernel.NewSums(x.p, sums)
		x.run(b, 3, op, err)
	})
}

func BenchmarkStats(b *testing.B) {
	everyStage(b, func(b *testing.B, x *stage) {
		op, err := kernel.NewStats(x.p, x.tensor(), []kernel.Stats{{Norm: x.norm()}})
		x.run(b, 1, op, err)
	})
}

func BenchmarkApply(b *testing.B) {
	everyStage(b, func(b *testing.B, x *stage) {
		op, err := kernel.NewApply(x.p, kernel.View{T: x.tensor(), C: x.c, Norm: x.norm(), ReLU: true}, x.tensor(), nil)
		x.run(b, 2, op, err)
	})
}

// A norm's gradient, ReLU behind it, added to the gradient that is there: two tensors read, one
// read and written.
func BenchmarkGradSum(b *testing.B) {
	everyStage(b, func(b *testing.B, x *stage) {
		g := kernel.Grad{G: x.tensor(), C: x.c, Norm: x.norm(), Y: x.tensor(), ReLU: true}
		op, err := kernel.NewGradSum(x.p, kernel.GradSumSpec{Dst: x.tensor(), Accumulate: true, Terms: []kernel.Grad{g}})
		x.run(b, 4, op, err)
	})
}

func BenchmarkNormFinalize(b *testing.B) {
	everyStage(b, func(b *testing.B, x *stage) {
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
	p := kernel.NewPool(0)
	defer p.Close()
	w, v, g := p.Floats(n), p.Floats(n), p.Floats(n)
	b.SetBytes(5 * 4 * n)
	for b.Loop() {
		kernel.SGD{LR: 0.1, Momentum: 0.9, WeightDecay: 1e-4, Nesterov: true}.Run(p, w, v, g, nil)
	}
}

func BenchmarkAugment(b *testing.B) {
	p := kernel.NewPool(0)
	defer p.Close()
	a, err := kernel.NewAugment(p, kernel.AugmentSpec{Pix: make([]byte, 3*32*32), C: 3, H: 32, W: 32, Mean: []float64{1, 2, 3}, Std: []float64{1, 2, 3}, Pad: 4})
	if err != nil {
		b.Fatal(err)
	}
	floats := kernel.TensorFloats(benchImages, 3, 32, 32)
	mem := arena(b, floats)
	defer mem.Close()
	x, index, at := mem.Tensor(0, benchImages, 3, 32, 32), make([]int32, benchImages), make([]int8, benchImages)
	batch := kernel.NewBatch(p, benchImages, 2)
	batch.Set(benchImages)
	b.SetBytes(4 * floats)
	for b.Loop() {
		if err := a.Run(batch, index, kernel.Draws{Flip: make([]uint8, benchImages), DY: at, DX: at}, x); err != nil {
			b.Fatal(err)
		}
	}
	images(b)
}

// The coefficients of all twelve blocks of 26 2x32d for one step, S-S-I.
func BenchmarkDraw(b *testing.B) {
	block := graph.Block{Branches: 2, Shake: dsl.Shake{Forward: dsl.Shaken, Backward: dsl.Shaken, Range: [2]float64{0, 1}}}
	alpha, beta := [][]float64{make([]float64, benchImages), make([]float64, benchImages)}, [][]float64{make([]float64, benchImages), make([]float64, benchImages)}
	for b.Loop() {
		for i := range 12 {
			engine.Draw(1, 7, i, block, benchImages, 2, alpha, beta)
		}
	}
	images(b)
}
