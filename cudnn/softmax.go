package cudnn

import "shake/cudnn/cuda"

// Softmax is a softmax over channels, ready to run. cuDNN has it only outside the graph API; it
// needs no plan and no workspace.
type Softmax struct {
	h      *Handle
	c      softmaxCall
	on     string
	align  int64
	closed bool
}

// Softmax prepares, for each image and position, y[c] = e^x[c]/Σe^x or, with log, its logarithm,
// over the channels; the largest x is subtracted first. x is N×C×H×W, F32, F16 or BF16; y has its
// form. (cudnnSoftmaxForward, CUDNN_SOFTMAX_ACCURATE or _LOG, CUDNN_SOFTMAX_MODE_CHANNEL.)
func (h *Handle) Softmax(x TensorDesc, log bool) (*Softmax, error) {
	if err := h.usable("Softmax"); err != nil {
		return nil, err
	}
	if err := x.check(); err != nil {
		return nil, invalid("Softmax", "%v", err)
	}
	if !x.Type.float() || len(x.Dims) != 4 || x.Bytes() >= 1<<31 {
		return nil, invalid("Softmax", "x=%v: want four dimensions of f32, f16 or bf16, less than 2 GiB in all", x)
	}
	on := "x=" + x.String()
	c, s := h.b.softmax(x, log)
	if s != 0 {
		return nil, h.b.failure("Softmax", on, s)
	}
	h.plans++
	return &Softmax{h: h, c: c, on: on, align: x.Type.Size()}, nil
}

// Forward puts y = softmax(x) on the handle's stream. y may be x.
func (s *Softmax) Forward(x, y cuda.Ptr) error {
	if err := s.ready("Softmax", x, y); err != nil {
		return err
	}
	return s.answer("Softmax", s.c.forward(s.h.b, uint64(x), uint64(y)))
}

// Backward puts the gradient of Forward on the handle's stream, from Forward's output y: dx = y*(dy
// - Σy*dy), or with log dx = dy - e^y*Σdy. dx may be dy. (cudnnSoftmaxBackward.)
func (s *Softmax) Backward(y, dy, dx cuda.Ptr) error {
	if err := s.ready("SoftmaxBackward", y, dy, dx); err != nil {
		return err
	}
	return s.answer("SoftmaxBackward", s.c.backward(s.h.b, uint64(y), uint64(dy), uint64(dx)))
}

func (s *Softmax) ready(op string, ptrs ...cuda.Ptr) error {
	if s == nil || s.closed {
		return &Error{Op: op, Detail: "the softmax", kind: ErrClosed}
	}
	if err := s.h.usable(op); err != nil {
		return err
	}
	if s.h.ctx == nil {
		return &Error{Op: op, On: s.on, Detail: s.h.card, kind: ErrOffline}
	}
	for i, p := range ptrs {
		if p == 0 || int64(p)%s.align != 0 {
			return invalid(op, "pointer %d is %#x: want a multiple of %d, not 0", i, uint64(p), s.align)
		}
	}
	return nil
}

func (s *Softmax) answer(op string, st Status) error {
	if st != 0 {
		return s.h.b.failure(op, s.on, st)
	}
	return nil
}

// Close frees the descriptor of the softmax.
func (s *Softmax) Close() error {
	if s == nil || s.closed {
		return &Error{Op: "Close", Detail: "the softmax", kind: ErrClosed}
	}
	if err := s.h.mine("Close"); err != nil {
		return err
	}
	s.closed = true
	s.h.plans--
	s.c.free(s.h.b)
	return nil
}
