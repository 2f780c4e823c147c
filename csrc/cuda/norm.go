package cuda

import "fmt"

// perChannel begins a kernel with a thread for each of c channels of a norm.
func perChannel(name string, c, replicas int) (*builder, Kernel) {
	b := newBuilder(name)
	b.want(c >= 1, "C", "at least 1", c)
	b.want(replicas >= 1, "Replicas", "at least 1", replicas)
	b.ints("C", c, "REPLICAS", replicas, "THREADS", 128)
	return b, Kernel{threads: 128, grid: func(int) [3]uint32 { return [3]uint32{uint32((c + 127) / 128), 1, 1} }}
}

// NormEvalSpec sets a norm's scale and shift for evaluation, for every replica, from the running
// statistics of replica 0. Its launches do not depend on n.
//
//	norm_eval(gamma_at, beta_at, params, running, norm)
type NormEvalSpec struct{ C, Replicas int }

// Kernel specialises norm_eval.cu.
func (s NormEvalSpec) Kernel() (*Kernel, error) {
	b, k := perChannel("norm_eval", s.C, s.Replicas)
	b.include("norm", "norm_eval")
	b.add("gamma_at", "beta_at", "params", "running", "norm")
	return b.done(k)
}

// NormSumsSpec does the work of StatsSpec for a norm of C channels, from existing sums. The sums
// are those of Channels channels over maps of HW pixels; the norm's channels begin at Off. Every
// channel of the norm must have parameters.
//
//	norm_sums(gamma_at, beta_at, params, sums, norm, running, n)
type NormSumsSpec struct{ C, Off, Channels, HW, Replicas int }

// Kernel specialises norm_sums.cu; its launches are for n images.
func (s NormSumsSpec) Kernel() (*Kernel, error) {
	b, k := perChannel("norm_sums", s.C, s.Replicas)
	b.want(s.Off >= 0 && s.Off+s.C <= s.Channels, "Off", "channels within Channels", fmt.Sprintf("%d from %d of %d", s.C, s.Off, s.Channels))
	b.want(s.HW >= 1, "HW", "at least 1", s.HW)
	b.ints("OFF", s.Off, "CHANNELS", s.Channels, "HW", s.HW)
	b.include("norm", "norm_sums")
	b.add("gamma_at", "beta_at", "params", "sums", "norm", "running", "n:i")
	return b.done(k)
}

// NormAffineSpec sets a norm's scale and shift, for every replica, from its mean and invstd. Every
// channel must have parameters. Its launches do not depend on n.
//
//	norm_affine(gamma_at, beta_at, params, norm)
type NormAffineSpec struct{ C, Replicas int }

// Kernel specialises norm_affine.cu.
func (s NormAffineSpec) Kernel() (*Kernel, error) {
	b, k := perChannel("norm_affine", s.C, s.Replicas)
	b.include("norm", "norm_affine")
	b.add("gamma_at", "beta_at", "params", "norm")
	return b.done(k)
}

// NormBackwardReplicasSpec adds up the gradients at gamma_at and beta_at of the replicas that
// have images. Every channel must have parameters.
//
//	norm_backward_replicas(gamma_at, beta_at, sums, grads, n)
type NormBackwardReplicasSpec struct{ C, Replicas int }

// Kernel specialises norm_backward_replicas.cu; its launches are for n images.
func (s NormBackwardReplicasSpec) Kernel() (*Kernel, error) {
	b, k := perChannel("norm_backward_replicas", s.C, s.Replicas)
	b.include("norm_backward_replicas")
	b.add("gamma_at", "beta_at", "sums", "grads", "n:i")
	return b.done(k)
}
