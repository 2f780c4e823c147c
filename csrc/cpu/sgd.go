package cpu

// #cgo noescape sk_sgd_run
// #cgo nocallback sk_sgd_run
// #include "sgd.h"
import "C"

import "fmt"

// SGD is one step of stochastic gradient descent with momentum on flat arrays of one length, in C or Go memory:
//
//	g += weightDecay*w
//	v = first ? g : momentum*v + g
//	w -= lr * (nesterov ? g + momentum*v : v)
//
// w and v are overwritten, g is left as it is. (Reference: torch.optim.SGD, dampening 0.)
func SGD(p *Pool, w, v, g []float32, lr, momentum, weightDecay float32, nesterov, first bool) {
	if len(v) != len(w) || len(g) != len(w) {
		panic(fmt.Sprintf("cpu: SGD: %d parameters, %d momenta, %d gradients", len(w), len(v), len(g)))
	}
	s := C.sk_sgd{lr: C.float(lr), momentum: C.float(momentum), decay: C.float(weightDecay), nesterov: cbool(nesterov), first: cbool(first)}
	C.sk_sgd_run(p.c, &s, cfloats(w), cfloats(v), cfloats(g), C.int64_t(len(w)))
}
