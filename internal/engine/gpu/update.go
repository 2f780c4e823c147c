package gpu

import kernels "shake/csrc/cuda"

// fewest is the least number of parameters that are updated beside the backward pass, in one
// launch: a million take an H100 about 8 us. (A variable for tests on small networks.)
var fewest = 1 << 20

// updateSome stands between the gradient of a convolution's output and its backward pass. The last
// filters, by their order among the parameters, are updated as soon as the convolutions that they
// belong to are all done, a bucket at a time; not at once, because a norm's sums and the gradient
// in front of it, which a rival replaces together, come right behind a convolution. Under loss
// scaling every gradient has to be known to be finite first, with several cards it has to be added
// up over them, and a limit needs the norm of all of it.
func (l *lowering) updateSome() {
	if l.Type == kernels.F16 || l.Several != nil || l.Recipe.Clip {
		return
	}
	lo := l.Params.Loose
	for c, cs := range l.calls {
		for i := range cs {
			if f := cs[i].Filter; !l.done[c] && !f.Packed {
				lo = max(lo, line(f.Offset+cs[i].Size()))
			}
		}
	}
	if l.updated-lo >= fewest {
		l.beside(&SGD{lo, l.updated})
		l.updated = lo
	}
}

// sgd updates all parameters that are left, the filters beside all others.
func (l *lowering) sgd() {
	if l.Type == kernels.F16 {
		l.emit(&Finite{})
		l.clip()
		l.emit(&SGD{0, l.Params.Floats})
		l.emit(&Rescale{})
		return
	}
	l.clip()
	if l.updated == l.Params.Convs {
		l.emit(&SGD{0, l.Params.Floats})
		return
	}
	if l.updated > 0 {
		l.beside(&SGD{0, l.updated})
	}
	l.emit(&SGD{l.Params.Convs, l.Params.Floats})
}

// clip limits the whole gradient, if the recipe wants it.
func (l *lowering) clip() {
	if l.Recipe.Clip {
		l.emit(&Clip{})
	}
}
