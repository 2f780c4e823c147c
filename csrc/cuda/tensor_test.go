package cuda

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// tensor is an activation of n images in memory, NHWC.
type tensor struct {
	*memory
	shape Shape
	pitch int
}

func newTensor(r *rand.Rand, s Shape, n, pitch int) tensor {
	return tensor{randoms(r, s.Type, n*s.H*s.W*pitch, 0, 1), s, pitch}
}

// get is channel c of slice s at pixel p of image i.
func (t tensor) get(s Slice, i, p, c int) float64 {
	return t.at((i*t.shape.H*t.shape.W+p)*s.Pitch + s.Off + c)
}

// norm is the arrays of a norm of c channels.
type norm struct {
	*memory
	c, replicas int
}

func newNorm(r *rand.Rand, c, replicas int) norm {
	return norm{randoms(r, F32, 7*replicas*c, 0, 1), c, replicas}
}

const (
	mean = iota
	invstd
	scale
	shift
	dxG
	dxX
	dx1
)

func (m norm) index(which, replica, c int) int { return (which*m.replicas+replica)*m.c + c }

func (m norm) get(which, replica, c int) float64 { return m.at(m.index(which, replica, c)) }

// replicaOf is the replica of image i of n.
func replicaOf(i, n, replicas int) int {
	for r := range replicas {
		if lo, hi := engine.ReplicaRange(n, replicas, r); i >= lo && i < hi {
			return r
		}
	}
	panic("an image of no replica")
}

// view is a View with its operands; grad is a Grad with its operands.
type view struct {
	View
	t tensor
	m norm
}

// value is v at (image i of n, pixel p, channel c); bare is the value in front of the ReLU.
func (v view) value(i, n, p, c int) (value, bare float64) {
	x := v.t.get(v.Slice, i, p, c)
	if v.Norm != nil {
		r := replicaOf(i, n, v.m.replicas)
		x = v.m.get(scale, r, v.Norm.Off+c)*x + v.m.get(shift, r, v.Norm.Off+c)
	}
	if v.ReLU {
		return max(x, 0), x
	}
	return x, x
}

// arg is the argument for a norm that may be absent.
func (m norm) arg() any {
	if m.memory == nil {
		return nil
	}
	return m.memory
}

func (t tensor) arg() any {
	if t.memory == nil {
		return nil
	}
	return t.memory
}

type grad struct {
	Grad
	g, mask, y tensor
	m          norm
	block      int
}

// drawn is alpha and beta of a draw for a batch of n, [branch][image].
func drawn(s Step, d Draw, block, n, replicas int) (alpha, beta [][]float64) {
	for range d.Branches {
		alpha, beta = append(alpha, make([]float64, n)), append(beta, make([]float64, n))
	}
	b := graph.Block{Branches: d.Branches, Shake: dsl.Shake{Forward: dsl.Mode(d.Forward), Backward: dsl.Mode(d.Backward), Level: dsl.Level(d.Level), Range: [2]float64{d.Low, d.High}}}
	engine.Draw(s.Seed, s.Iteration, block, b, n, replicas, alpha, beta)
	return alpha, beta
}

// prime is g' and whole is dy at (image i of n, pixel p, channel c). b is the coefficient, g the
// gradient further up.
func (d grad) prime(g, b float64, i, n, p, c int) float64 {
	if d.Mask != nil && !(d.mask.get(*d.Mask, i, p, c) > 0) {
		return 0
	}
	if d.ReLU {
		v := d.y.get(*d.Y, i, p, c)
		if d.Norm != nil {
			r := replicaOf(i, n, d.m.replicas)
			v = d.m.get(scale, r, d.Norm.Off+c)*v + d.m.get(shift, r, d.Norm.Off+c)
		}
		if !(v > 0) {
			return 0
		}
	}
	return g * b
}

func (d grad) whole(g, b float64, i, n, p, c int) float64 {
	g = d.prime(g, b, i, n, p, c)
	if d.Norm == nil {
		return g
	}
	r := replicaOf(i, n, d.m.replicas)
	return d.m.get(dxG, r, d.Norm.Off+c)*g + d.m.get(dxX, r, d.Norm.Off+c)*d.y.get(*d.Y, i, p, c) + d.m.get(dx1, r, d.Norm.Off+c)
}

// betas are the coefficients of every image.
func (d grad) betas(s Step, n, replicas int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	if d.Draw != nil {
		_, beta := drawn(s, *d.Draw, d.block, n, replicas)
		for i := range out {
			out[i] = float64(float32(beta[d.Branch][i]))
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }

// memory is a Step as a kernel reads it.
func (s Step) memory() *memory {
	b, err := binary.Append(nil, binary.LittleEndian, s)
	if err != nil || len(b) != StepSize {
		panic("a step is not what it says")
	}
	return &memory{F32, b}
}

// newGrad is a random gradient of c channels that reads slices of the given place.
func newGrad(r *rand.Rand, s Shape, n int, place Slice, mask, drawn, normed, relu bool) grad {
	at := func(buf int) *Slice { p := place; p.Buf = buf; return &p }
	d := grad{Grad: Grad{G: *at(place.Buf), ReLU: relu}, g: newTensor(r, s, n, place.Pitch), block: 2}
	if mask {
		d.Mask, d.mask = at(place.Buf+1000), newTensor(r, s, n, place.Pitch)
	}
	if drawn {
		d.Draw, d.Branch = &Draw{Branches: 2, Forward: Shaken, Backward: Shaken, High: 1}, 1
	}
	if normed {
		d.Norm, d.m = &NormRef{Off: 8, C: place.C + 8}, newNorm(r, place.C+8, s.Replicas)
	}
	if normed || relu {
		d.Y, d.y = at(place.Buf+2000), newTensor(r, s, n, place.Pitch)
	}
	return d
}

func (d grad) size(g float64, i, n, p, c int) float64 {
	size := math.Abs(g) + 3
	if d.Norm != nil {
		r := replicaOf(i, n, d.m.replicas)
		size += math.Abs(d.m.get(dxG, r, d.Norm.Off+c)*g) + math.Abs(d.m.get(dxX, r, d.Norm.Off+c)*d.y.get(*d.Y, i, p, c))
	}
	return 2 * size
}
