package cpu

// #cgo noescape sk_clip_run
// #cgo nocallback sk_clip_run
// #include "clip.h"
import "C"

// Clip limits the norm of a gradient g, that of all its numbers together, to most:
//
//	g *= most/(norm + 1e-6), where that is below 1
//
// It returns the norm of before. g may be in C or Go memory. A norm that is not finite makes every
// number 0 or NaN. (Reference: torch.nn.utils.clip_grad_norm_.)
func Clip(p *Pool, g []float32, most float64) (norm float64) {
	return float64(C.sk_clip_run(p.c, cfloats(g), C.int64_t(len(g)), C.double(most)))
}
