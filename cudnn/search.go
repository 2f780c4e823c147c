package cudnn

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// modes are the ways of asking for engines, best answers first. The modes know different graphs:
// for a weight gradient in four groups A and Instant have no answer, B has one and Fallback four.
var modes = []int32{heurA, heurB, heurFallback}

// Plan finds an engine for g and prepares it: the cached one, or else the first of the library's
// proposals that the options admit and the library can prepare. It takes milliseconds, or seconds
// if the engine is compiled first.
//
// Errors: ErrInvalid if the graph is invalid; ErrNotSupported if no engine takes it, with the
// library's last reason.
func (h *Handle) Plan(g *Graph, o ...Option) (*Plan, error) {
	opt := resolve(o)
	s, err := h.search(g, opt)
	if err != nil {
		return nil, err
	}
	defer s.release()
	if p := s.cached(); p != nil {
		return p, nil
	}
	plans, err := s.plans(1)
	if err != nil {
		return nil, err
	}
	plans[0].keep(0)
	return plans[0], nil
}

// Plans lists up to Candidates engines for g, prepared, in the order of the library's proposals,
// for Autotune. Close unused plans.
func (h *Handle) Plans(g *Graph, o ...Option) ([]*Plan, error) {
	opt := resolve(o)
	s, err := h.search(g, opt)
	if err != nil {
		return nil, err
	}
	defer s.release()
	return s.plans(opt.candidates)
}

// Supports says whether g can be planned: nil, or the error that Plan would return. The cache, if
// any, keeps the plan.
func (h *Handle) Supports(g *Graph, o ...Option) error {
	p, err := h.Plan(g, o...)
	if err != nil {
		return err
	}
	return p.Close()
}

// search is one search for plans.
type search struct {
	h       *Handle
	g       *Graph
	opt     options
	key     string
	base    string       // the key without a chosen engine
	made    []descriptor // tensors, operations and, last, the graph
	strict  bool
	release func()
}

func (h *Handle) search(g *Graph, opt options) (*search, error) {
	if err := h.usable("Plan"); err != nil {
		return nil, err
	}
	if err := g.Check(); err != nil {
		return nil, err
	}
	if err := h.survives(g, true); err != nil {
		return nil, err
	}
	for _, n := range g.Nodes {
		if _, ok := n.(*GenStats); ok && opt.deterministic {
			return nil, &Error{Op: g.Name, On: g.on(), kind: ErrNotSupported, Detail: "the library does not say whether its statistics are deterministic"}
		}
	}
	// The library's last message belongs to the thread.
	runtime.LockOSThread()
	s := &search{h: h, g: g, opt: opt, strict: g.strict(), key: h.keyOf(g, opt)}
	plain := opt
	plain.engine = nil
	s.base = h.keyOf(g, plain)
	specs := lower(g, lowerOptions{handle: h.ctx != nil, deterministic: opt.deterministic && h.b.version() >= 91100})
	made, st := h.b.build(specs)
	if st != 0 {
		defer runtime.UnlockOSThread()
		err := h.b.failure(g.Name, g.on(), st)
		if errors.Is(err, ErrInvalid) {
			err.kind = ErrNotSupported // g is sound: it is this library that does not take it
		}
		return nil, err
	}
	s.made = made
	s.release = func() {
		h.b.drop(s.made...)
		runtime.UnlockOSThread()
	}
	return s, nil
}

// strict tells whether a convolution of g must not round products of F32.
func (g *Graph) strict() bool {
	for _, n := range g.Nodes {
		if c, ok := n.(*Convolution); ok && c.Conv.filled().Compute == F32 {
			for _, r := range c.reads() {
				if g.at(r).Type == F32 {
					return true
				}
			}
		}
	}
	return false
}

// keyOf is the cache's key of a sound graph.
func (h *Handle) keyOf(g *Graph, opt options) string {
	return key(h.Version(), h.card, g, opt, g.strict())
}

// plans prepares up to n plans.
func (s *search) plans(n int) ([]*Plan, error) {
	if s.opt.engine != nil {
		return s.chosen()
	}
	if err := s.h.survives(s.g, false); err != nil {
		return nil, err
	}
	var out []*Plan
	var seen []string
	var last *Error
	refused := 0
	for _, mode := range modes {
		if len(out) >= n {
			break
		}
		configs, st := s.configs(mode)
		if st != 0 {
			last = s.failure(st)
		} else if len(configs) == 0 {
			if why := s.h.b.lastError(); why != "" {
				last = &Error{Op: s.g.Name, On: s.g.on(), Status: statusNotSupported, Detail: why}
			}
		}
		for _, c := range configs {
			if len(out) < n {
				e := s.engine(c)
				if slices.Contains(seen, e.id) && mode != modes[0] {
					// Another mode proposes the same engine again, perhaps with other settings.
				} else if !s.admits(e) {
					refused++
				} else if p, err := s.prepare(c, e); err != nil {
					last = err
				} else {
					out, seen = append(out, p), append(seen, e.id)
				}
			}
			s.h.b.drop(c)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if refused > 0 {
		return nil, &Error{Op: s.g.Name, On: s.g.on(), kind: ErrNotSupported, Detail: fmt.Sprintf("%d engines take it, none under the options", refused)}
	}
	if last == nil {
		last = &Error{Op: s.g.Name, On: s.g.on(), kind: ErrNotSupported, Detail: "no heuristic knows an engine"}
	} else if last.Status/1000 == 4 {
		last.kind = ErrNotSupported // every proposal failed to compile
	}
	return nil, last
}

// chosen prepares the engine configuration that the options name.
func (s *search) chosen() ([]*Plan, error) {
	c, e, bad := s.configured()
	if bad != nil {
		return nil, bad
	}
	defer s.h.b.drop(c)
	if !s.admits(e) {
		return nil, &Error{Op: s.g.Name, On: s.g.on(), kind: ErrNotSupported, Detail: fmt.Sprintf("engine %v: not under the options", e)}
	}
	p, bad := s.prepare(c, e)
	if bad != nil {
		if bad.Status/1000 == 4 {
			bad.kind = ErrNotSupported // the configuration does not compile
		}
		return nil, bad
	}
	return []*Plan{p}, nil
}

func (s *search) failure(st Status) *Error { return s.h.b.failure(s.g.Name, s.g.on(), st) }

// configs asks one heuristic for its proposals, best first.
func (s *search) configs(mode int32) ([]descriptor, Status) {
	b := s.h.b
	attrs := []attr{{attrHeurGraph, typeDescriptor, s.made[len(s.made)-1]}, {attrHeurMode, typeHeurMode, mode}}
	if s.h.device != 0 {
		attrs = append(attrs, attr{attrHeurDevice, typeDescriptor, s.h.device})
	}
	heur, st := b.build([]spec{{descHeuristics, attrs}})
	if st != 0 {
		return nil, st
	}
	defer b.drop(heur...)
	n, st := b.getDescriptors(heur[0], attrHeurResults, nil)
	if st != 0 || n == 0 {
		return nil, st
	}
	into := make([]descriptor, 0, n)
	for range n {
		d, st := b.make(descEngineConfig)
		if st != 0 {
			b.drop(into...)
			return nil, st
		}
		into = append(into, d)
	}
	have, st := b.getDescriptors(heur[0], attrHeurResults, into) // n was an upper bound
	if st != 0 {
		have = 0
	}
	b.drop(into[have:]...)
	return into[:have], st
}

// engine is the library's description of an engine.
type engine struct {
	id       string
	index    int64
	notes    []int32
	compiled bool      // at run time
	set      []Setting // settings by the options, or by the heuristics
	asked    bool      // the options name the engine
}

func (e engine) has(notes ...int32) bool {
	return slices.ContainsFunc(notes, func(n int32) bool { return slices.Contains(e.notes, n) })
}

// tensorCoreNote is the phrase for tensor cores in an engine's description.
const tensorCoreNote = "tensor cores"

func (e engine) String() string {
	name := e.id
	if e.asked {
		name = EngineConfig{e.index, e.set}.String()
	}
	var words []string
	for _, n := range []struct {
		note int32
		name string
	}{
		{noteTensorCore, tensorCoreNote}, {noteDownConvert, "converts down"}, {noteReducedReduction, "reduced sums"}, {noteFFT, "FFT"},
		{noteNondeterministic, "not deterministic"}, {noteWinograd, "Winograd"},
	} {
		if e.has(n.note) {
			words = append(words, n.name)
		}
	}
	if e.compiled {
		words = append(words, "compiled")
	}
	if len(words) == 0 {
		return name
	}
	return name + " (" + strings.Join(words, ", ") + ")"
}

// engine reads the engine and the settings of a proposed configuration.
func (s *search) engine(config descriptor) engine {
	b := s.h.b
	d, st := b.make(descEngine)
	if st != 0 {
		return engine{id: "?"}
	}
	defer b.drop(d)
	into := []descriptor{d}
	if _, st = b.getDescriptors(config, attrConfigEngine, into); st != 0 {
		return engine{id: "?"}
	}
	index, _ := b.getInt64(d, attrEngineIndex)
	e := s.notes(d, index)
	e.set = s.settings(config)
	return e
}

// notes reads the library's notes on an engine.
func (s *search) notes(d descriptor, index int64) engine {
	b := s.h.b
	e := engine{id: fmt.Sprintf("e%d", index), index: index}
	e.notes, _ = b.getEnums(d, attrEngineNotes, typeNumericalNote)
	behavior, _ := b.getEnums(d, attrEngineBehavior, typeBehaviorNote)
	e.compiled = slices.Contains(behavior, behaviorRuntimeCompilation)
	return e
}

// admits tells whether the options let an engine in.
func (s *search) admits(e engine) bool {
	if s.opt.deterministic && e.has(noteNondeterministic) {
		return false
	}
	return !s.strict || !e.has(noteTensorCore, noteDownConvert, noteReducedReduction, noteFFT, noteWinograd)
}

// prepare makes a plan of an engine's configuration. Some proposed configurations fail to compile;
// the search then goes on.
func (s *search) prepare(config descriptor, e engine) (*Plan, *Error) {
	d, failed := s.prepared(config, e)
	if failed != nil {
		return nil, failed
	}
	return s.plan(d, e.String(), EngineConfig{e.index, e.set})
}

// where adds the handle or the described card to a plan's attributes.
func (h *Handle) where(attrs []attr) []attr {
	if h.device != 0 {
		return append(attrs, attr{attrPlanDevice, typeDescriptor, h.device})
	}
	return append(attrs, attr{attrPlanHandle, typeHandle, nil})
}

// plan wraps a finalized plan.
func (s *search) plan(d descriptor, engine string, config EngineConfig) (*Plan, *Error) {
	workspace, st := s.h.b.getInt64(d, attrPlanWorkspace)
	if st != 0 {
		defer s.h.b.drop(d)
		return nil, s.failure(st)
	}
	if workspace > s.opt.workspace {
		s.h.b.drop(d)
		return nil, &Error{Op: s.g.Name, On: s.g.on(), kind: ErrNotSupported, Detail: fmt.Sprintf("engine %s wants %d bytes of workspace, more than %d", engine, workspace, s.opt.workspace)}
	}
	s.h.plans++
	return &Plan{h: s.h, r: s.h.b.runner(d, s.g, workspace), d: d, name: s.g.Name, on: s.g.on(), bindings: s.g.Bindings(), engine: engine, config: config, workspace: workspace, key: s.key, base: s.base}, nil
}
