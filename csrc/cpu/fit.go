package cpu

import "fmt"

// fit checks that the operands of an operation fit together, and keeps the first mistake and the
// largest batch that they hold. Kernels index by these numbers without looking.
type fit struct {
	n        int // images that every tensor holds
	replicas int // replicas that every norm has; 0: no norm
	err      error
}

// fitOf starts with the tensor that the operation writes, or reads if it writes none.
func fitOf(t *Tensor) fit {
	if t == nil {
		return fit{err: fmt.Errorf("no tensor to write")}
	}
	return fit{n: t.N}
}

func (f *fit) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// channels wants channels off .. off+c-1 of t to be whole blocks of images of h×w.
func (f *fit) channels(what string, t *Tensor, off, c, h, w int) {
	switch {
	case t == nil:
		f.fail("%s: no tensor", what)
	case off < 0 || c < 1 || off+c > t.C:
		f.fail("%s: channels %d to %d of %d", what, off, off+c, t.C)
	case off%lanes != 0 || c%lanes != 0 && off+c != t.C && !(t.Grows && off == 0):
		f.fail("%s: channels %d to %d of %d are not whole blocks of %d", what, off, off+c, t.C, lanes)
	case t.H != h || t.W != w:
		f.fail("%s: maps of %d×%d, want %d×%d", what, t.H, t.W, h, w)
	default:
		f.n = min(f.n, t.N)
	}
}

// norm wants channels off .. off+c-1 to be whole blocks of a norm over maps of h×w.
func (f *fit) norm(what string, m *Norm, off, c, h, w int) {
	switch {
	case off < 0 || off+c > m.spec.C:
		f.fail("%s: channels %d to %d of a norm of %d", what, off, off+c, m.spec.C)
	case off%lanes != 0 || c%lanes != 0 && off+c != m.spec.C:
		f.fail("%s: channels %d to %d of a norm of %d are not whole blocks of %d", what, off, off+c, m.spec.C, lanes)
	case m.spec.HW != h*w:
		f.fail("%s: maps of %d×%d, want %d positions as the norm has", what, h, w, m.spec.HW)
	default:
		f.n = min(f.n, m.spec.MaxN)
		if f.replicas == 0 || m.spec.Replicas < f.replicas {
			f.replicas = m.spec.Replicas
		}
	}
}

// view wants a view with the channels and maps of like.
func (f *fit) view(what string, v View, like *Tensor) {
	if like == nil {
		return
	}
	if v.C != like.C {
		f.fail("%s: %d channels, want %d", what, v.C, like.C)
	}
	f.read(what, v, like.H, like.W)
}

// read wants a view of maps of h×w.
func (f *fit) read(what string, v View, h, w int) {
	f.channels(what, v.T, v.Off, v.C, h, w)
	if v.Norm != nil {
		f.norm(what, v.Norm, v.NormOff, v.C, h, w)
	}
}

// grad wants a gradient of c channels of maps of h×w.
func (f *fit) grad(what string, g Grad, c, h, w int) {
	if g.C != c {
		f.fail("%s: %d channels, want %d", what, g.C, c)
	}
	f.channels(what, g.G, g.GOff, g.C, h, w)
	if g.Mask != nil {
		f.channels(what+": mask", g.Mask, g.MaskOff, g.C, h, w)
	}
	if g.Norm != nil {
		f.norm(what, g.Norm, g.NormOff, g.C, h, w)
	}
	if g.Y != nil || g.Norm != nil || g.ReLU {
		f.channels(what+": y", g.Y, g.YOff, g.C, h, w)
	}
	if g.Beta != nil && len(g.Beta) < f.n {
		f.fail("%s: %d coefficients for %d images", what, len(g.Beta), f.n)
	}
}

// stats wants each norm's channels to be channels of t.
func (f *fit) stats(stats []Stats, t *Tensor) {
	for i, s := range stats {
		what := fmt.Sprintf("statistics %d", i)
		if s.Norm == nil || t == nil {
			f.fail("%s: no norm or no tensor", what)
			return
		}
		if s.From < 0 || s.From >= s.Norm.spec.C {
			f.fail("%s: from channel %d of a norm of %d", what, s.From, s.Norm.spec.C)
		}
		f.channels(what, t, s.Off, s.Norm.spec.C, t.H, t.W)
		f.norm(what, s.Norm, 0, s.Norm.spec.C, t.H, t.W)
	}
}

// sums wants each gradient to be one of its norm's.
func (f *fit) sums(sums []Sums) {
	for i, s := range sums {
		what := fmt.Sprintf("sums %d", i)
		if s.Norm == nil || s.Of.Norm != s.Norm || s.Of.G == nil {
			f.fail("%s: want a gradient with the norm that is summed for", what)
			return
		}
		f.grad(what, s.Of, s.Of.C, s.Of.G.H, s.Of.G.W)
	}
}

// run wants a batch that the operation can hold.
func (f *fit) run(b *Batch) {
	if b.N() > f.n || f.replicas != 0 && len(b.count) > f.replicas {
		panic(fmt.Sprintf("cpu: a batch of %d images in %d replicas, want at most %d in %d", b.N(), len(b.count), f.n, f.replicas))
	}
}
