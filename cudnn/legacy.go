package cudnn

// #include "backend.h"
//
// static inline int sk_tensor_new(const sk_cudnn_table *t, uintptr_t *d) {
//   return t->cudnnCreateTensorDescriptor((cudnnTensorDescriptor_t *)d);
// }
// static inline int sk_tensor_drop(const sk_cudnn_table *t, uintptr_t d) {
//   return t->cudnnDestroyTensorDescriptor((cudnnTensorDescriptor_t)d);
// }
// static inline int sk_tensor_set(const sk_cudnn_table *t, uintptr_t d, int type, int n,
//                                 const int *dims, const int *strides) {
//   return t->cudnnSetTensorNdDescriptor((cudnnTensorDescriptor_t)d, type, n, dims, strides);
// }
// static inline int sk_softmax(const sk_handle *h, int algorithm, uintptr_t d, uint64_t x,
//                              uint64_t y) {
//   const float one = 1, zero = 0;
//   cudnnTensorDescriptor_t t = (cudnnTensorDescriptor_t)d;
//   return h->lib->cudnnSoftmaxForward(h->handle, algorithm, CUDNN_SOFTMAX_MODE_CHANNEL, &one, t,
//                                      (void *)x, &zero, t, (void *)y);
// }
// static inline int sk_softmax_backward(const sk_handle *h, int algorithm, uintptr_t d, uint64_t y,
//                                       uint64_t dy, uint64_t dx) {
//   const float one = 1, zero = 0;
//   cudnnTensorDescriptor_t t = (cudnnTensorDescriptor_t)d;
//   return h->lib->cudnnSoftmaxBackward(h->handle, algorithm, CUDNN_SOFTMAX_MODE_CHANNEL, &one, t,
//                                       (void *)y, t, (void *)dy, &zero, t, (void *)dx);
// }
import "C"

// softmaxCall is the descriptor and the algorithm of a softmax.
type softmaxCall struct {
	tensor    uintptr
	algorithm C.int
}

func (b backend) softmax(x TensorDesc, log bool) (softmaxCall, Status) {
	c := softmaxCall{algorithm: softmaxAccurate}
	if log {
		c.algorithm = softmaxLog
	}
	var d C.uintptr_t
	if s := C.sk_tensor_new(b.c.lib, &d); s != 0 {
		return c, Status(s)
	}
	c.tensor = uintptr(d)
	var dims, strides [8]C.int
	for i := range x.Dims {
		dims[i], strides[i] = C.int(x.Dims[i]), C.int(x.Strides[i])
	}
	if s := C.sk_tensor_set(b.c.lib, d, C.int(dataTypes[x.Type].code), C.int(len(x.Dims)), &dims[0], &strides[0]); s != 0 {
		c.free(b)
		return c, Status(s)
	}
	return c, 0
}

func (c softmaxCall) forward(b backend, x, y uint64) Status {
	return Status(C.sk_softmax(b.c, c.algorithm, C.uintptr_t(c.tensor), C.uint64_t(x), C.uint64_t(y)))
}

func (c softmaxCall) backward(b backend, y, dy, dx uint64) Status {
	return Status(C.sk_softmax_backward(b.c, c.algorithm, C.uintptr_t(c.tensor), C.uint64_t(y), C.uint64_t(dy), C.uint64_t(dx)))
}

func (c softmaxCall) free(b backend) { C.sk_tensor_drop(b.c.lib, C.uintptr_t(c.tensor)) }
