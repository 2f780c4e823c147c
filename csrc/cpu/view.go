package cpu

// #include "sk.h"
import "C"

import "unsafe"

// View is C channels of a tensor from channel Off on, read through what stands in front of them and is recomputed on load:
//
//	v = relu?(Norm != nil ? scale[replica][NormOff+c]*t[Off+c] + shift[replica][NormOff+c] : t[Off+c])
//
// Off and NormOff are multiples of 16. C is a multiple of 16 or ends the tensor.
type View struct {
	T       *Tensor
	Off, C  int
	Norm    *Norm
	NormOff int
	ReLU    bool
}

// Grad is the gradient of C channels of a stored tensor Y, from YOff on, recomputed on load from a gradient further up:
//
//	g' = G[GOff+c] * (Coef != nil ? Coef[n] : 1) * (Mask != nil ? [Mask[MaskOff+c] > 0] : 1) * (ReLU ? [v(Y) > 0] : 1)
//	dY = Norm != nil ? ca*g' + cb*Y + cc : g'                  v(Y) = Norm != nil ? scale*Y + shift : Y
//
// Mask is the output of a join with ReLU. Coef is C memory, one factor an image. Y may be nil without Norm and ReLU. Offsets are multiples of 16.
type Grad struct {
	G       *Tensor
	GOff, C int
	Mask    *Tensor
	MaskOff int
	Coef    []float32
	Norm    *Norm
	NormOff int
	Y       *Tensor
	YOff    int
	ReLU    bool
}

// Stats asks for the forward statistics of Norm's channels, taken where an operation has just written channels Off .. of its output.
type Stats struct {
	Norm *Norm
	Off  int
}

// Sums asks for Norm's backward sums S1 = sum g', S2 = sum g'*xhat, taken per image where Of.G has just been written; Of.Norm is Norm.
type Sums struct {
	Norm *Norm
	Of   Grad
}

// ctensor is the header of a tensor, nil for nil.
func ctensor(t *Tensor) *C.sk_tensor {
	if t == nil {
		return nil
	}
	return t.c
}

func cnorm(n *Norm) *C.sk_norm {
	if n == nil {
		return nil
	}
	return (*C.sk_norm)(n.c)
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func (v View) c() C.sk_view {
	return C.sk_view{t: ctensor(v.T), cb0: C.int(v.Off / lanes), cb: C.int(blocks(v.C)), norm: cnorm(v.Norm),
		ncb0: C.int(v.NormOff / lanes), relu: cbool(v.ReLU)}
}

func (g Grad) c() C.sk_grad {
	return C.sk_grad{g: ctensor(g.G), gcb0: C.int(g.GOff / lanes), cb: C.int(blocks(g.C)),
		mask: ctensor(g.Mask), mcb0: C.int(g.MaskOff / lanes), coef: (*C.float)(unsafe.SliceData(g.Coef)),
		norm: cnorm(g.Norm), ncb0: C.int(g.NormOff / lanes), y: ctensor(g.Y), ycb0: C.int(g.YOff / lanes), relu: cbool(g.ReLU)}
}

// cstats and csums copy requests to C memory of the pool.
func cstats(p *Pool, stats []Stats) []C.sk_stats {
	s := calloc[C.sk_stats](p, len(stats))
	for i, t := range stats {
		s[i] = C.sk_stats{norm: cnorm(t.Norm), cb0: C.int(t.Off / lanes)}
	}
	return s
}

func csums(p *Pool, sums []Sums) []C.sk_sums {
	s := calloc[C.sk_sums](p, len(sums))
	for i, t := range sums {
		s[i] = C.sk_sums{norm: cnorm(t.Norm), of: t.Of.c()}
	}
	return s
}
