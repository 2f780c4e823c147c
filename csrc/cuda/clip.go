package cuda

// ClipSpec limits the norm of a gradient of n parameters to Most. The argument "clip" gets the
// factor, at most 1, and the norm. (Reference: torch.nn.utils.clip_grad_norm_.)
//
//	clip(g, scaler, partial, counter, clip, n)
type ClipSpec struct{ Most float64 }

// ClipSize is the bytes of the argument "clip".
const ClipSize = 8

// Kernel specialises clip.cu; its launches are for n gradients.
func (s ClipSpec) Kernel() (*Kernel, error) {
	b := newBuilder("clip")
	b.want(s.Most >= 0, "Most", "at least 0", s.Most)
	b.line("constexpr double MOST = %s;", double(s.Most))
	b.include("types", "clip")
	b.add("g", "scaler", "partial", "counter", "clip", "n:l")
	k := flat(4)
	k.blocks = 1
	k.scratch = func(n int) int { return 2 * int(k.grid(n)[0]) }
	return b.done(k)
}
