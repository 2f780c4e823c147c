package cudnn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"shake/cudnn/cuda"
)

// Plan is an operation with the engine that computes it, ready to run.
type Plan struct {
	h         *Handle
	r         runner
	d         descriptor
	name, on  string
	bindings  []string
	engine    string
	workspace int64
	config    EngineConfig
	key       string // in the cache
	base      string // in the cache, for the graph with any engine: the key of the fastest plan
	took      time.Duration
	closed    bool
	pair      *pair // instead of r and d
}

// Workspace is the size in bytes of the memory that Run needs beside the tensors. Its contents need
// not last from run to run.
func (p *Plan) Workspace() int64 { return p.workspace }

// Engine names the library's engine of the plan, with the library's notes: "e25 (tensor cores)".
func (p *Plan) Engine() string { return p.engine }

// TensorCores says whether the library notes that the engine multiplies on tensor cores. For a pair
// of plans it describes the first.
func (p *Plan) TensorCores() bool {
	if p.pair != nil {
		return p.pair.first.TensorCores()
	}
	return strings.Contains(p.engine, tensorCoreNote)
}

// Converted says whether the plan is two that run one after the other, the second of which converts
// the first's result.
func (p *Plan) Converted() bool { return p.pair != nil }

// Config is the engine and the settings of its knobs, as chosen by UseEngine or by the library's
// heuristics. For a pair of plans it is the first's.
func (p *Plan) Config() EngineConfig {
	if p.pair != nil {
		return p.pair.first.Config()
	}
	return EngineConfig{p.config.Engine, slices.Clone(p.config.Settings)}
}

// Time is the time of a run that Autotune measured when it chose this plan, in this process or in
// the one that put it into the cache; 0: Autotune did not choose it.
func (p *Plan) Time() time.Duration { return p.took }

// Bindings names the tensors whose pointers Run takes, in order.
func (p *Plan) Bindings() []string { return p.bindings }

func (p *Plan) String() string {
	return fmt.Sprintf("%s %s: %s, workspace %d", p.name, p.on, p.engine, p.workspace)
}

// Run puts the operation on the handle's stream and returns without waiting. workspace points at
// Workspace() bytes (0 if that is 0), ptrs at the tensors in the order of Bindings. The memory must
// live until the stream has done the work. Repeated runs on the same pointers are the fastest. Run
// allocates nothing, and may be captured in a graph.
//
// Errors: ErrInvalid if a pointer is missing or not a multiple of its tensor's Align; ErrClosed,
// ErrThread, ErrOffline. (cudnnBackendExecute.)
func (p *Plan) Run(workspace cuda.Ptr, ptrs ...cuda.Ptr) error {
	if p == nil || p.closed {
		return p.misuse("the plan", ErrClosed)
	}
	if p.pair != nil {
		return p.runPair(workspace, ptrs)
	}
	if p.h.ctx == nil || p.h.lost() || len(ptrs) != len(p.bindings) {
		return p.refuse(len(ptrs))
	}
	for i, x := range ptrs {
		p.r.bound[i] = uint64(x)
	}
	p.r.bound[len(ptrs)] = uint64(workspace)
	if s := p.r.run(); s != 0 {
		return p.failed(s)
	}
	return nil
}

// refuse returns an error if a run cannot be tried at all.
func (p *Plan) refuse(n int) error {
	switch {
	case p.h.lost():
		return p.misuse("the handle, its context or its stream", ErrClosed)
	case p.h.ctx == nil:
		return p.misuse(p.h.card, ErrOffline)
	}
	return p.misuse(fmt.Sprintf("want pointers to %v, have %d", p.bindings, n), ErrInvalid)
}

// failed makes an error of run's result.
func (p *Plan) failed(s int) error {
	switch {
	case s > 0:
		return p.h.b.failure(p.name, p.on, Status(s))
	case s == runThread:
		return p.misuse("the handle belongs to the thread that made it: lock the goroutine to it", ErrThread)
	}
	i := runPointer - s
	name, align := "workspace", int64(16)
	if i < len(p.bindings) {
		name, align = p.bindings[i], p.r.align(i)
	}
	return p.misuse(fmt.Sprintf("pointer to %s is %#x: want a multiple of %d, not 0", name, p.r.bound[i], align), ErrInvalid)
}

func (p *Plan) misuse(detail string, kind error) error {
	e := &Error{Op: "Run", Detail: detail, kind: kind}
	if p != nil {
		e.Op, e.On = p.name, p.on
	}
	return e
}

// Close frees the plan. Graphs captured from it must not be launched any more.
func (p *Plan) Close() error {
	if p == nil || p.closed {
		return p.misuse("the plan", ErrClosed)
	}
	if err := p.h.mine("Close"); err != nil {
		return err
	}
	p.closed = true
	if p.pair != nil {
		p.pair.first.Close()
		return p.pair.second.Close()
	}
	p.h.plans--
	p.r.free()
	return nil
}
