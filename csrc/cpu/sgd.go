package cpu

// #cgo noescape sk_sgd_run
// #cgo nocallback sk_sgd_run
// #include "sgd.h"
import "C"

import "fmt"

// SGD is a step of stochastic gradient descent with momentum:
//
//	g' = g + WeightDecay*w
//	v = First ? g' : Momentum*v + g'
//	w -= LR * (Nesterov ? g' + Momentum*v : v)
//
// (Reference: torch.optim.SGD, dampening 0.)
type SGD struct {
	LR, Momentum, WeightDecay float32
	Nesterov, First           bool
}

// Run takes the step on flat arrays of one length, in C or Go memory. w and v are overwritten, g is
// left as it is. It panics on arrays of different lengths.
func (o SGD) Run(p *Pool, w, v, g []float32) {
	if len(v) != len(w) || len(g) != len(w) {
		panic(fmt.Sprintf("cpu: SGD: %d parameters, %d momenta, %d gradients", len(w), len(v), len(g)))
	}
	s := C.sk_sgd{lr: C.float(o.LR), momentum: C.float(o.Momentum), decay: C.float(o.WeightDecay),
		nesterov: cbool(o.Nesterov), first: cbool(o.First)}
	C.sk_sgd_run(p.c, &s, cfloats(w), cfloats(v), cfloats(g), C.int64_t(len(w)))
}
