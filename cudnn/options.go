package cudnn

import "math"

// Option changes the search for plans.
type Option func(*options)

type options struct {
	deterministic     bool
	scale, accumulate float32
	workspace         int64
	candidates        int
	engine            *EngineConfig // nil: the library's heuristics propose
}

func resolve(list []Option) options {
	o := options{scale: 1, workspace: math.MaxInt64, candidates: 8}
	for _, f := range list {
		f(&o)
	}
	return o
}

// Deterministic admits only engines that give the same bits every time. It excludes engines that
// the library notes as nondeterministic, and GenStats, of which the library says nothing.
// Reductions have a fixed order.
func Deterministic() Option { return func(o *options) { o.deterministic = true } }

// Scale multiplies the result of a convolution by a.
func Scale(a float32) Option { return func(o *options) { o.scale = a } }

// Accumulate adds b times the output's old content: out = scale*result + b*out.
func Accumulate(b float32) Option { return func(o *options) { o.accumulate = b } }

// WorkspaceLimit admits only plans that need at most n bytes of workspace.
func WorkspaceLimit(n int64) Option { return func(o *options) { o.workspace = n } }

// Candidates makes Plans stop after n plans; 8 without it.
func Candidates(n int) Option { return func(o *options) { o.candidates = n } }

// UseEngine makes Plan and Plans prepare this engine with these settings, instead of the library's
// proposals. Handle.Engines lists the engines. The error is ErrInvalid if the engine or knob does
// not exist, or a value is out of a knob's range; ErrNotSupported if the library cannot prepare the
// configuration for this graph.
func UseEngine(c EngineConfig) Option {
	c.Settings = c.sorted()
	return func(o *options) { o.engine = &c }
}
