package cpu

// #include "norm.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Epsilon is added to the variance before its square root.
const Epsilon = C.SK_NORM_EPSILON

// NormSpec says what a batch normalisation works on: C channels of HW positions an image, at most
// MaxN images, statistics per replica.
type NormSpec struct {
	C, Replicas, MaxN, HW int

	// GammaAt and BetaAt are the indices of each channel's two parameters in the flat array; -1 in
	// both makes the channel a padding lane, whose output and gradient are 0.
	GammaAt, BetaAt []int32

	// Moments are the partial sums of the forward pass, where norms of the first channels of one
	// tensor share them; nil: the norm's own.
	Moments *Moments
}

// Moments are partial sums of the forward pass, of each channel of a tensor of at most maxN images.
type Moments struct {
	floats []float32
	maxN   int
	width  int // floats of a row
}

// NewMoments reserves them in memory of the pool.
func NewMoments(p *Pool, c, maxN int) *Moments {
	width := blocks(c) * lanes
	return &Moments{floats: p.Floats(maxN * 2 * width), maxN: maxN, width: width}
}

// Norm is batch normalisation over the channels of one stored tensor, with statistics per replica:
//
//	y = params[GammaAt] * (x - mean) / sqrt(var + Epsilon) + params[BetaAt]
//
// Its own calls turn the partial sums of single images into coefficients for each replica and
// channel (y = scale*x + shift and dx = dx_g*g' + dx_x*x + dx_1). Operations that take a Norm apply
// them while they read, so no normalised tensor is ever stored. Operations that are given a Stats
// or a Sums of the Norm write the partial sums.
type Norm struct {
	spec        NormSpec
	c           *C.sk_norm
	top         int32     // largest parameter index
	rmean, rvar []float32 // [replica][blocks*16], C memory
}

// NewNorm lays the normalisation out in memory of the pool. Running statistics start at mean 0,
// variance 1.
func NewNorm(p *Pool, s NormSpec) (*Norm, error) {
	if min(s.C, s.Replicas, s.MaxN, s.HW) < 1 {
		return nil, fmt.Errorf("cpu: norm: want C, Replicas, MaxN and HW of at least 1, have %d, %d, %d, %d", s.C, s.Replicas, s.MaxN, s.HW)
	}
	if len(s.GammaAt) != s.C || len(s.BetaAt) != s.C {
		return nil, fmt.Errorf("cpu: norm: want %d indices in GammaAt and BetaAt, have %d and %d", s.C, len(s.GammaAt), len(s.BetaAt))
	}
	wide := blocks(s.C) * lanes
	if m := s.Moments; m != nil && (m.width < wide || m.maxN < s.MaxN) {
		return nil, fmt.Errorf("cpu: norm: %d channels of %d images with sums for %d of %d", s.C, s.MaxN, m.width, m.maxN)
	}
	gammaAt, betaAt := calloc[int32](p, wide), calloc[int32](p, wide)
	n := &Norm{spec: s, top: -1, c: &calloc[C.sk_norm](p, 1)[0], rmean: p.Floats(s.Replicas * wide), rvar: p.Floats(s.Replicas * wide)}
	n.spec.GammaAt, n.spec.BetaAt = gammaAt[:s.C], betaAt[:s.C]
	for i := range wide {
		gammaAt[i], betaAt[i] = -1, -1
		if i < s.C {
			gammaAt[i], betaAt[i] = s.GammaAt[i], s.BetaAt[i]
		}
		if min(gammaAt[i], betaAt[i]) < -1 || (gammaAt[i] < 0) != (betaAt[i] < 0) {
			return nil, fmt.Errorf("cpu: norm: channel %d: want two parameters, or -1 for both, have %d and %d", i, gammaAt[i], betaAt[i])
		}
		n.top = max(n.top, gammaAt[i], betaAt[i])
	}
	for i := range n.rvar {
		if gammaAt[i%wide] >= 0 {
			n.rvar[i] = 1
		}
	}
	array := func() *C.float { return cfloats(p.Floats(s.Replicas * wide)) }
	*n.c = C.sk_norm{channels: C.int(s.C), blocks: C.int(blocks(s.C)), replicas: C.int(s.Replicas),
		most_images: C.int(s.MaxN), positions: C.int(s.HW),
		gamma_at: (*C.int32_t)(&gammaAt[0]), beta_at: (*C.int32_t)(&betaAt[0]),
		mean: array(), invstd: array(), scale: array(), shift: array(), dx_g: array(), dx_x: array(), dx_1: array(),
		running_mean: cfloats(n.rmean), running_var: cfloats(n.rvar), partial: cfloats(p.Floats(s.MaxN * 2 * wide))}
	n.c.moments, n.c.moments_width = n.c.partial, C.int(wide)
	if s.Moments != nil {
		n.c.moments, n.c.moments_width = cfloats(s.Moments.floats), C.int(s.Moments.width)
	}
	return n, nil
}

// Running returns replica r's running mean and unbiased variance, C floats each: views of C memory
// that training changes and that may be written.
func (n *Norm) Running(r int) (mean, variance []float32) {
	lo := r * blocks(n.spec.C) * lanes
	hi := lo + n.spec.C
	return n.rmean[lo:hi:hi], n.rvar[lo:hi:hi]
}

// FinalizeTrain merges the forward partial sums of each replica's images, in the order of the
// images (Chan, Golub and LeVeque's formula, in float64), into mean and biased variance; sets scale
// and shift; and moves the running statistics:
//
//	running = (1-momentum)*running + momentum*(mean, unbiased variance)
//
// A replica without images keeps all it has. Where a replica has one value a channel the unbiased
// variance is taken as 0, like the biased one.
func (n *Norm) FinalizeTrain(b *Batch, params []float32, momentum float32) {
	n.check("FinalizeTrain", b, params)
	C.sk_norm_train(n.c, b.c, cfloats(params), C.float(momentum))
}

// FinalizeEval sets scale and shift of every replica from the running statistics of one.
func (n *Norm) FinalizeEval(params []float32, replica int) {
	n.check("FinalizeEval", nil, params)
	if replica < 0 || replica >= n.spec.Replicas {
		panic(fmt.Sprintf("cpu: norm FinalizeEval: replica %d of %d", replica, n.spec.Replicas))
	}
	C.sk_norm_eval(n.c, cfloats(params), C.int(replica))
}

// FinalizeBackward merges S1 = sum g' and S2 = sum g'*xhat of each replica's images in their order
// and sets, with P the number of values that a channel has in the replica,
//
//	dx = params[GammaAt]*invstd*(g' - S1/P - xhat*S2/P), kept as dx_g*g' + dx_x*x + dx_1
//
// It overwrites grads[GammaAt] with the sum of S2 over replicas and grads[BetaAt] with that of S1.
func (n *Norm) FinalizeBackward(b *Batch, params, grads []float32) {
	n.check("FinalizeBackward", b, params)
	n.check("FinalizeBackward", b, grads)
	C.sk_norm_backward(n.c, b.c, cfloats(params), cfloats(grads))
}

func (n *Norm) check(call string, b *Batch, flat []float32) {
	if int(n.top) >= len(flat) {
		panic(fmt.Sprintf("cpu: norm %s: parameter %d of %d", call, n.top, len(flat)))
	}
	if b != nil && (b.N() > n.spec.MaxN || len(b.count) != n.spec.Replicas) {
		panic(fmt.Sprintf("cpu: norm %s: a batch of %d images in %d replicas, want at most %d in %d", call, b.N(), len(b.count), n.spec.MaxN, n.spec.Replicas))
	}
}

// cfloats is the address of a slice's first float.
func cfloats(f []float32) *C.float { return (*C.float)(unsafe.SliceData(f)) }
