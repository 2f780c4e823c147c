package cpu

// #cgo noescape sk_sgd_run
// #cgo nocallback sk_sgd_run
// #include "sgd.h"
import "C"

import (
	"fmt"
	"runtime"
)

// SGD is a step of stochastic gradient descent with momentum, and of an average of the weights:
//
//	g' = g + WeightDecay*w
//	v = Momentum*v + g'
//	w -= LR * (Nesterov ? g' + Momentum*v : v)
//	average = Keep*average + Rest*w
//
// v starts as zeros. (Reference: torch.optim.SGD, dampening 0.)
type SGD struct {
	LR, Momentum, WeightDecay float32
	Nesterov                  bool
	Keep, Rest                float32
}

// Run takes the step on flat arrays of one length, in C or Go memory; a nil average is none. w, v
// and average are overwritten, g is left as it is. It panics on arrays of different lengths.
func (o SGD) Run(p *Pool, w, v, g, average []float32) {
	if len(v) != len(w) || len(g) != len(w) || average != nil && len(average) != len(w) {
		panic(fmt.Sprintf("cpu: SGD: %d parameters, %d momenta, %d gradients, %d averages", len(w), len(v), len(g), len(average)))
	}
	s := C.sk_sgd{lr: C.float(o.LR), momentum: C.float(o.Momentum), decay: C.float(o.WeightDecay),
		keep: C.float(o.Keep), rest: C.float(o.Rest), nesterov: cbool(o.Nesterov)}
	var pin runtime.Pinner
	defer pin.Unpin()
	of := C.sk_sgd_arrays{w: (*C.float)(pinned(&pin, w)), v: (*C.float)(pinned(&pin, v)), g: (*C.float)(pinned(&pin, g)), average: (*C.float)(pinned(&pin, average))}
	C.sk_sgd_run(p.c, &s, &of, C.int64_t(len(w)))
}
