package kernels

// NormEvalSpec sets a norm's scale and shift for evaluation, for every replica, from the running statistics of replica 0. Its launches do not depend on n.
//
//	normeval(gamma, beta, params, running, norm)
type NormEvalSpec struct{ C, Replicas int }

// Kernel specialises normeval.cu.
func (s NormEvalSpec) Kernel() (*Kernel, error) {
	b := newBuilder("normeval")
	b.want(s.C >= 1, "C", "at least 1", s.C)
	b.want(s.Replicas >= 1, "Replicas", "at least 1", s.Replicas)
	b.ints("C", s.C, "REPLICAS", s.Replicas, "THREADS", 128)
	b.include("normeval")
	b.add("gamma", "beta", "params", "running", "norm")
	return b.done(Kernel{threads: 128, grid: func(int) [3]uint32 { return [3]uint32{uint32((s.C + 127) / 128), 1, 1} }})
}
