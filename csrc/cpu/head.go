package cpu

// #cgo noescape sk_head_train
// #cgo nocallback sk_head_train
// #include "head.h"
import "C"

import (
	"fmt"
	"runtime"
)

// HeadSpec is the end of a network, for at most MaxN images:
//
//	m = mean over H and W of x;  logits = W*m + bias;  loss = -sum of q * log softmax(logits)
//
// with the target q = (1-e) m + e/Classes, where e is Smoothing in Train and 0 in Eval, and m is
// Targets' mean. W [Classes, X.C] stands at float WOff of the flat parameters, bias [Classes] at
// BOff.
type HeadSpec struct {
	X          View
	Classes    int
	WOff, BOff int
	MaxN       int
	Smoothing  float64 // of labels, from 0 and below 1
	DX         *HeadDX // nil: no gradient of X
	Sums       []Sums  // taken per image of DX
}

// HeadDX says where the gradient of x goes, channels Off .. of G:
//
//	G = (Accumulate ? G : 0) + (ReLU ? [X before its own ReLU > 0] : 1) * dm/(H*W)
//
// For an X with a norm this is the gradient of the view, before the norm's own backward.
type HeadDX struct {
	G          *Tensor
	Off        int
	ReLU       bool
	Accumulate bool
}

// Head is the end of a network bound to its input.
type Head struct {
	fit
	p             *Pool
	c             *C.sk_head
	classes, flat int
	loss, logits  []float32
	wrong         []uint8
	images        int // of the last call
}

// NewHead lays the operation out in memory of the pool. The error says which shapes do not fit.
func NewHead(p *Pool, s HeadSpec) (*Head, error) {
	f := fitOf(s.X.T)
	if s.Classes < 1 || s.Classes > 1<<16 || min(s.WOff, s.BOff) < 0 || s.MaxN < 1 {
		f.fail("%d classes, parameters at %d and %d, at most %d images", s.Classes, s.WOff, s.BOff, s.MaxN)
	}
	if !(s.Smoothing >= 0 && s.Smoothing < 1) {
		f.fail("smoothing of %v", s.Smoothing)
	}
	if f.err == nil {
		f.read("input", s.X, s.X.T.H, s.X.T.W)
		if s.DX != nil {
			f.channels("input gradient", s.DX.G, s.DX.Off, s.X.C, s.X.T.H, s.X.T.W)
		}
		f.sums(s.Sums)
		f.n = min(f.n, s.MaxN)
	}
	if f.err != nil {
		return nil, fmt.Errorf("cpu: head: %w", f.err)
	}
	h := &Head{fit: f, p: p, classes: s.Classes, flat: max(s.WOff+s.Classes*s.X.C, s.BOff+s.Classes), c: &calloc[C.sk_head](p, 1)[0],
		loss: p.Floats(s.MaxN), logits: p.Floats(s.MaxN * s.Classes), wrong: calloc[uint8](p, s.MaxN)}
	wide := s.MaxN * blocks(s.X.C) * lanes
	*h.c = C.sk_head{x: cview(p, &s.X), channels: C.int(s.X.C), classes: C.int(s.Classes),
		weight_at: C.int64_t(s.WOff), bias_at: C.int64_t(s.BOff), sums: csums(p, s.Sums), smoothing: C.double(s.Smoothing),
		mean: cfloats(p.Floats(wide)), dmean: cfloats(p.Floats(wide)),
		logits: cfloats(h.logits), dlogits: cfloats(p.Floats(s.MaxN * s.Classes)),
		loss: cfloats(h.loss), wrong: (*C.uint8_t)(&h.wrong[0])}
	if s.DX != nil {
		h.c.dx = C.sk_head_dx{g: s.DX.G.c, block0: C.int(s.DX.Off / lanes), relu: cbool(s.DX.ReLU), accumulate: cbool(s.DX.Accumulate)}
	}
	return h, nil
}

// Targets are the labels that a batch is trained towards: onehot(label), or where there are Others
//
//	m = Weight*onehot(label) + (1-Weight)*onehot(other)
type Targets struct {
	Labels, Others []uint16
	Weight         float64
}

// Train computes logits, losses and errors of the batch and the gradient of its mean loss: DX,
// Sums, and dW and dbias, which overwrite their places in grads. It returns an error, and computes
// nothing, where an image has no label or one that is not below Classes.
func (h *Head) Train(b *Batch, params, grads []float32, t Targets) error {
	if len(grads) < h.flat {
		return fmt.Errorf("cpu: head: want %d gradients, have %d", h.flat, len(grads))
	}
	for _, labels := range [][]uint16{t.Labels, t.Others} {
		if labels == nil && t.Labels != nil {
			continue
		}
		if err := h.check(b, params, labels); err != nil {
			return err
		}
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	targets := C.sk_targets{labels: (*C.uint16_t)(pinned(&pin, t.Labels)), others: (*C.uint16_t)(pinned(&pin, t.Others)), weight: C.double(t.Weight)}
	C.sk_head_train(h.p.c, h.c, b.c, cfloats(params), cfloats(grads), &targets)
	return nil
}

// Eval computes logits, losses and errors of the batch. Errors are Train's.
func (h *Head) Eval(b *Batch, params []float32, labels []uint16) error {
	if err := h.check(b, params, labels); err != nil {
		return err
	}
	C.sk_head_eval(h.p.c, h.c, b.c, cfloats(params), (*C.uint16_t)(&labels[0]))
	return nil
}

func (h *Head) check(b *Batch, params []float32, labels []uint16) error {
	h.run(b)
	if len(params) < h.flat {
		return fmt.Errorf("cpu: head: want %d parameters, have %d", h.flat, len(params))
	}
	if len(labels) < b.N() {
		return fmt.Errorf("cpu: head: %d labels for %d images", len(labels), b.N())
	}
	for i, l := range labels[:b.N()] {
		if int(l) >= h.classes {
			return fmt.Errorf("cpu: head: image %d of the batch has label %d, want one of %d classes", i, l, h.classes)
		}
	}
	h.images = b.N()
	return nil
}

// Loss returns the cross-entropy with its target of each image of the last batch, NaN where a logit
// is NaN: a view that the next call overwrites.
func (h *Head) Loss() []float32 { return h.loss[:h.images] }

// Wrong returns 1 for each image of the last batch whose largest logit (the first of equal ones) is
// not that of its label of the greater weight, or that has a NaN among its logits, and 0 for the
// others: a view that the next call overwrites.
func (h *Head) Wrong() []uint8 { return h.wrong[:h.images] }

// Logits returns the last batch's logits [n, Classes]: a view that the next call overwrites.
func (h *Head) Logits() []float32 { return h.logits[:h.images*h.classes] }
