package cudnn

// Thread is a call of C that does next to nothing.
var Thread = thread

// ConvertedFilter is what ConvBackwardFilter falls back to.
func ConvertedFilter(h *Handle, x, dy, dw TensorDesc, c ConvDesc, o ...Option) (*Plan, error) {
	return h.convertedFilter(x, dy, dw, c, o, ErrNotSupported)
}
