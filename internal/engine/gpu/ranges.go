package gpu

import (
	"fmt"

	"shake/cudnn/nvtx"
	"shake/internal/engine"
)

// ranges are the names by which a profiler, if one is attached, shows what the program launches:
// each pass, within it the layer, and within that the op. A pass that is one graph has no more than
// its own name; the first passes of a program and those of a profile are launched item by item. A
// nil *ranges is none, and costs a comparison a launch.
type ranges struct {
	pass  [2]nvtx.Range // by mode
	layer []nvtx.Range  // by op
	op    []nvtx.Range
}

// attach names everything for the profiler that is there, if any.
func (p *program) attach() {
	tool, err := nvtx.Attach("shake")
	if err != nil {
		p.say(err.Error())
	}
	if !tool {
		return
	}
	r := &ranges{pass: [2]nvtx.Range{training: nvtx.Register("training step"), evaluation: nvtx.Register("evaluation")}}
	known := map[string]nvtx.Range{}
	register := func(name string) nvtx.Range {
		if _, ok := known[name]; !ok {
			known[name] = nvtx.Register(name)
		}
		return known[name]
	}
	for i, o := range p.operations() {
		layer := o.Layer
		if layer == "" {
			layer = string(o.Phase)
		} else if o.Phase == engine.PhaseBackward {
			layer += " backward"
		}
		r.layer = append(r.layer, register(layer))
		r.op = append(r.op, register(fmt.Sprintf("%d %s", i, o.Kind)))
	}
	p.ranges = r
}

// begin opens the range of a pass; end closes it.
func (r *ranges) begin(m mode) {
	if r != nil {
		r.pass[m].Push()
	}
}

func (r *ranges) end(m mode) {
	if r != nil {
		r.pass[m].Pop()
	}
}

// enter opens the ranges of an item: its layer's, unless the item before was of the same one, and
// its op's.
func (r *ranges) enter(before, x *item) {
	if r == nil || x.work == nil {
		return
	}
	if before == nil || r.layer[before.op] != r.layer[x.op] {
		if before != nil {
			r.layer[before.op].Pop()
		}
		r.layer[x.op].Push()
	}
	r.op[x.op].Push()
}

// leave closes the op's range, and the layer's too behind the last item.
func (r *ranges) leave(x *item, last bool) {
	if r == nil || x.work == nil {
		return
	}
	r.op[x.op].Pop()
	if last {
		r.layer[x.op].Pop()
	}
}
