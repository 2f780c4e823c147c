package cudnn

// Thread is an almost empty call of C.
var Thread = thread

// ConvertedFilter is the fallback of ConvBackwardFilter.
func ConvertedFilter(h *Handle, x, dy, dw TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	return h.convertedFilter(x, dy, dw, c, o, ErrNotSupported)
}
