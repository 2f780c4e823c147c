package cudnn

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// Engine is the library's description of an engine that takes a graph.
type Engine struct {
	Index    int64 // its number, for EngineConfig
	Knobs    []Knob
	Compiled bool // compiled at run time: a plan takes a second rather than a millisecond
	engine   engine
}

func (e Engine) String() string { return e.engine.String() }

// Knob returns the knob of that type, and whether the engine has it.
func (e Engine) Knob(t KnobType) (Knob, bool) {
	for _, k := range e.Knobs {
		if k.Type == t {
			return k, true
		}
	}
	return Knob{}, false
}

// Engines lists the engines that take g under the options, with their knobs, by number. Some
// settings of a listed engine may still be impossible to prepare: Plan with UseEngine tells.
//
// Errors: as Plan's. (CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, CUDNN_ATTR_ENGINE_KNOB_INFO.)
func (h *Handle) Engines(g *Graph, o ...Option) ([]Engine, error) {
	s, err := h.search(g, resolve(o))
	if err != nil {
		return nil, err
	}
	defer s.release()
	n, st := h.b.getInt64(s.graph(), attrGraphEngineCount)
	if st != 0 {
		return nil, s.failure(st)
	}
	var out []Engine
	for i := range n {
		d, st := s.engineOf(i)
		if st != 0 {
			continue // the engine does not take the graph
		}
		if e, st := s.describe(d, i); st == 0 && s.admits(e.engine) {
			out = append(out, e)
		}
		h.b.drop(d)
	}
	if len(out) == 0 {
		return nil, &Error{Op: g.Name, On: g.on(), kind: ErrNotSupported, Detail: fmt.Sprintf("none of %d engines takes it under the options", n)}
	}
	return out, nil
}

// graph is the descriptor of the operation graph.
func (s *search) graph() descriptor { return s.made[len(s.made)-1] }

// engineOf makes the descriptor of an engine by its number.
func (s *search) engineOf(index int64) (descriptor, Status) {
	attrs := []attr{{attrEngineGraph, typeDescriptor, s.graph()}, {attrEngineIndex, typeInt64, []int64{index}}}
	if s.h.device != 0 {
		attrs = append(attrs, attr{attrEngineDevice, typeDescriptor, s.h.device})
	}
	made, st := s.h.b.build([]spec{{descEngine, attrs}})
	if st != 0 {
		return 0, st
	}
	return made[0], 0
}

// describe reads an engine's notes and knobs.
func (s *search) describe(d descriptor, index int64) (Engine, Status) {
	b := s.h.b
	e := Engine{Index: index, engine: s.notes(d, index)}
	e.Compiled = e.engine.compiled
	infos, st := b.children(d, attrEngineKnobs, descKnobInfo)
	defer b.drop(infos...)
	for _, info := range infos {
		var k Knob
		var typ int32
		if _, st = b.get(info, attrKnobType, typeKnobType, 1, unsafe.Pointer(&typ)); st != 0 {
			break
		}
		k.Type = KnobType(typ)
		for name, v := range map[int32]*int64{attrKnobMin: &k.Min, attrKnobMax: &k.Max, attrKnobStride: &k.Stride} {
			if st == 0 {
				*v, st = b.getInt64(info, name)
			}
		}
		if st != 0 {
			break
		}
		e.Knobs = append(e.Knobs, k)
	}
	slices.SortFunc(e.Knobs, func(a, b Knob) int { return int(a.Type) - int(b.Type) })
	return e, st
}

// settings reads the values of the knobs of an engine configuration.
func (s *search) settings(config descriptor) []Setting {
	b := s.h.b
	choices, _ := b.children(config, attrConfigKnobs, descKnobChoice)
	defer b.drop(choices...)
	var out []Setting
	for _, c := range choices {
		var typ int32
		if _, st := b.get(c, attrChoiceType, typeKnobType, 1, unsafe.Pointer(&typ)); st != 0 {
			continue
		}
		if v, st := b.getInt64(c, attrChoiceValue); st == 0 {
			out = append(out, Setting{KnobType(typ), v})
		}
	}
	return EngineConfig{Settings: out}.sorted()
}

// children are the descriptors of a kind that an attribute holds. drop closes them.
func (b backend) children(d descriptor, name, kind int32) ([]descriptor, Status) {
	n, st := b.getDescriptors(d, name, nil)
	if st != 0 || n == 0 {
		return nil, st
	}
	into := make([]descriptor, 0, n)
	for range n {
		c, st := b.make(kind)
		if st != 0 {
			b.drop(into...)
			return nil, st
		}
		into = append(into, c)
	}
	have, st := b.getDescriptors(d, name, into)
	if st != 0 {
		have = 0
	}
	b.drop(into[have:]...)
	return into[:have], st
}

// configured makes the descriptor of the configuration that the options name, or returns the error
// in it.
func (s *search) configured() (descriptor, engine, *Error) {
	want, b := *s.opt.engine, s.h.b
	bad := func(kind error, format string, args ...any) (descriptor, engine, *Error) {
		return 0, engine{}, &Error{Op: s.g.Name, On: s.g.on(), kind: kind, Detail: fmt.Sprintf("engine configuration %v: ", want) + fmt.Sprintf(format, args...)}
	}
	n, st := b.getInt64(s.graph(), attrGraphEngineCount)
	if st != 0 {
		return 0, engine{}, s.failure(st)
	}
	if want.Engine < 0 || want.Engine >= n {
		return bad(ErrInvalid, "want an engine of 0..%d", n-1)
	}
	d, st := s.engineOf(want.Engine)
	if st != 0 {
		return bad(ErrNotSupported, "the engine does not take this graph: %v", s.failure(st))
	}
	defer b.drop(d)
	e, st := s.describe(d, want.Engine)
	if st != 0 {
		return 0, engine{}, s.failure(st)
	}
	specs := []spec{}
	var choices []ref
	seen := map[KnobType]bool{}
	for _, set := range want.sorted() {
		k, ok := e.Knob(set.Type)
		switch {
		case !ok:
			return bad(ErrInvalid, "the engine has no knob %v; it has %s", set.Type, listed(e.Knobs))
		case !k.Takes(set.Value):
			return bad(ErrInvalid, "%v: want %v", set, k)
		case seen[set.Type]:
			return bad(ErrInvalid, "%v is set twice", set.Type)
		}
		seen[set.Type] = true
		specs = append(specs, spec{descKnobChoice, []attr{{attrChoiceType, typeKnobType, int32(set.Type)}, {attrChoiceValue, typeInt64, []int64{set.Value}}}})
		choices = append(choices, ref(len(choices)))
	}
	attrs := []attr{{attrConfigEngine, typeDescriptor, d}}
	if len(choices) > 0 {
		attrs = append(attrs, attr{attrConfigKnobs, typeDescriptor, choices})
	}
	made, st := b.build(append(specs, spec{descEngineConfig, attrs}))
	if st != 0 {
		return bad(ErrNotSupported, "the library refuses the configuration: %v", s.failure(st))
	}
	last := len(made) - 1
	b.drop(made[:last]...)
	e.engine.set, e.engine.asked = want.sorted(), true
	return made[last], e.engine, nil
}

func listed(knobs []Knob) string {
	if len(knobs) == 0 {
		return "none"
	}
	var words []string
	for _, k := range knobs {
		words = append(words, k.String())
	}
	return strings.Join(words, ", ")
}
