package cpu

import (
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// fixture is a pool, a batch and random tensors between guard words, all made from one seed. Its
// naive readers compute Views and Grads in float64.
type fixture struct {
	*testing.T
	*rand.Rand
	p        *Pool
	b        *Batch
	a        *Arena
	off      int64
	maxN, n  int
	replicas int
	h, w     int
	tensors  []*Tensor
	floats   [][]float32 // outputs outside the arena
}

const (
	guard      = 48 // floats before, between and behind tensors
	guardValue = 1e30
)

// everyISA runs f under every instruction set that this machine has.
func everyISA(t *testing.T, f func(t *testing.T)) {
	for _, isa := range []string{"avx512", "avx2", "portable"} {
		t.Run(isa, func(t *testing.T) {
			if err := forceISA(isa); err != nil {
				t.Skip(err)
			}
			defer forceISA("")
			f(t)
		})
	}
}

// everyGeometry runs f on small random batches under every instruction set and with 1, 2 and 3
// workers. It checks that guard words and padding lanes are whole and that the number of workers
// leaves every bit as it was.
func everyGeometry(t *testing.T, seeds uint64, f func(f *fixture)) {
	everyISA(t, func(t *testing.T) {
		for seed := range seeds {
			var want uint64
			for workers := 1; workers <= 3; workers++ {
				x := newFixture(t, seed, workers)
				f(x)
				got := x.check()
				if workers == 1 {
					want = got
				} else if got != want {
					t.Errorf("seed %d: %d workers give other bits than one", seed, workers)
				}
				x.a.Close()
				x.p.Close()
				if t.Failed() {
					t.Fatalf("seed %d, %d workers: %d of %d images of %d×%d, %d replicas", seed, workers, x.n, x.maxN, x.h, x.w, x.replicas)
				}
			}
		}
	})
}

func newFixture(t *testing.T, seed uint64, workers int) *fixture {
	f := &fixture{T: t, Rand: rand.New(rand.NewPCG(seed, 1)), p: NewPool(workers)}
	f.n = 1 + f.IntN(5)
	f.maxN = f.n + f.IntN(2)
	f.replicas = 1 + f.IntN(3)
	f.h, f.w = 1+f.IntN(10), 1+f.IntN(10)
	if seed%4 == 0 {
		f.h = 1
	}
	f.b = NewBatch(f.p, f.maxN, f.replicas)
	f.b.Set(f.n)
	f.a = arenaOf(1 << 21)
	f.guard()
	return f
}

func (f *fixture) guard() {
	for i := range f.a.Floats(f.off, guard) {
		f.a.Floats(f.off, guard)[i] = guardValue
	}
	f.off += guard
}

// someC is a channel count: a multiple of 16 or not.
func (f *fixture) someC() int { return []int{1, 3, 16, 17, 32, 40, 48}[f.IntN(7)] }

// tensor makes a tensor of normal numbers.
func (f *fixture) tensor(c int) *Tensor {
	t := f.a.Tensor(f.off, f.maxN, c, f.h, f.w)
	f.off += TensorFloats(f.maxN, c, f.h, f.w)
	f.guard()
	v := make([]float32, c*f.h*f.w)
	for i := range f.maxN {
		for j := range v {
			v[j] = float32(f.NormFloat64())
		}
		t.Set(i, v)
	}
	f.tensors = append(f.tensors, t)
	return t
}

// norm makes a norm with random coefficients of every kind over c channels.
func (f *fixture) norm(c int) *Norm {
	s := NormSpec{C: c, Replicas: f.replicas, MaxN: f.maxN, HW: f.h * f.w}
	for i := range c {
		s.GammaAt, s.BetaAt = append(s.GammaAt, int32(2*i)), append(s.BetaAt, int32(2*i+1))
	}
	m, err := NewNorm(f.p, s)
	if err != nil {
		f.Fatal(err)
	}
	k := m.arrays()
	for r := range f.replicas {
		for i := range c {
			j := r*blocks(c)*16 + i
			for _, a := range [][]float32{k.mean, k.scale, k.shift, k.dxG, k.dxX, k.dx1} {
				a[j] = float32(f.NormFloat64())
			}
			k.invstd[j] = float32(0.5 + f.Float64())
		}
	}
	f.floats = append(f.floats, k.mean, k.invstd, k.scale, k.shift, k.dxG, k.dxX, k.dx1, k.partial, m.rmean, m.rvar)
	return m
}

// factors makes one factor an image.
func (f *fixture) factors() []float32 {
	c := f.p.Floats(f.maxN)
	for i := range c {
		c[i] = f.Float32()
	}
	return c
}

// view makes a random view of c channels, of a tensor that may have more in front.
func (f *fixture) view(c int) View {
	front := 16 * f.IntN(2)
	v := View{T: f.tensor(front + c), Off: front, C: c, ReLU: f.IntN(2) == 0}
	if f.IntN(3) > 0 {
		v.NormOff = 16 * f.IntN(2)
		v.Norm = f.norm(v.NormOff + c)
	}
	return v
}

// grad makes a random gradient of c channels.
func (f *fixture) grad(c int) Grad {
	front := 16 * f.IntN(2)
	g := Grad{G: f.tensor(front + c), GOff: front, C: c, ReLU: f.IntN(2) == 0}
	if f.IntN(2) == 0 {
		g.MaskOff = 16 * f.IntN(2)
		g.Mask = f.tensor(g.MaskOff + c)
	}
	if f.IntN(2) == 0 {
		g.Beta = f.factors()
	}
	if f.IntN(3) > 0 {
		g.NormOff = 16 * f.IntN(2)
		g.Norm = f.norm(g.NormOff + c)
	}
	if g.Norm != nil || g.ReLU {
		g.YOff = 16 * f.IntN(2)
		g.Y = f.tensor(g.YOff + c)
	}
	return g
}

// sums makes a request for sums of the gradient of c channels of g.
func (f *fixture) sums(g *Tensor, off, c int) Sums {
	s := Sums{Of: f.grad(c)}
	s.Of.G, s.Of.GOff = g, off
	if s.Of.Norm == nil {
		s.Of.Norm, s.Of.NormOff = f.norm(c), 0
	}
	if s.Of.Y == nil {
		s.Of.Y, s.Of.YOff = f.tensor(c), 0
	}
	s.Norm = s.Of.Norm
	return s
}

// check looks at guard words and padding lanes and returns a hash of every bit.
func (f *fixture) check() uint64 {
	h := fnv.New64a()
	add := func(v []float32) { h.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))) }
	used := f.a.Floats(0, f.off)
	add(used)
	for _, v := range f.floats {
		add(v)
	}
	at := 0
	for _, t := range f.tensors {
		for range guard {
			if used[at] != guardValue {
				f.Errorf("guard word %d in front of a tensor is %g", at, used[at])
			}
			at++
		}
		for i := range t.N {
			for j, v := range t.image(i) {
				if j/16/(t.H*t.W)*16+j%16 >= t.C && v != 0 {
					f.Fatalf("padding lane holds %g", v)
				}
			}
		}
		at += int(TensorFloats(t.N, t.C, t.H, t.W))
	}
	for ; at < len(used); at++ {
		if used[at] != guardValue {
			f.Errorf("guard word %d behind the tensors is %g", at, used[at])
		}
	}
	return h.Sum64()
}
