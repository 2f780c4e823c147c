package gpu

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/internal/engine/gpu/predict"
)

// Launches are the list's launches in the terms of a card's model: the bytes that each reads and
// writes, its multiply-adds, its grid. used is the compiler's report on a kernel. A nil used, or a
// nil result, means that the kernel was not compiled.
func (l *List) Launches(c engine.Config, used func(*kernels.Kernel) *Used) ([]predict.Launch, error) {
	var out []predict.Launch
	for i := range l.Ops {
		p, err := l.predicted(i, c, used)
		if err != nil {
			return nil, err
		}
		j := l.inFront(i)
		p.Overlaps = p.Kernel != nil && j >= 0 && out[j].Kernel != nil
		out = append(out, p)
	}
	return out, nil
}

// PredictEvaluation predicts for a card the evaluation of so many images, in the batches that a
// program has for it and in those of a step. used is as for Launches.
func (l *List) PredictEvaluation(card predict.Card, images int, c engine.Config, used func(*kernels.Kernel) *Used) (predict.Evaluation, error) {
	own, err := l.Eval.Launches(c, used)
	if err != nil {
		return predict.Evaluation{}, err
	}
	step, err := l.forwardPass(l.Batch, l.all()).Launches(c, used)
	return predict.Evaluate(card, images, l.Eval.Batch, own, l.Batch, step), err
}

// predicted is the launch of op i.
func (l *List) predicted(i int, c engine.Config, used func(*kernels.Kernel) *Used) (predict.Launch, error) {
	o := l.Ops[i]
	op, text, _ := strings.Cut(l.op(o), "\t")
	p := predict.Launch{Op: op, Text: text, Stream: l.Items[i].Stream, After: l.Items[i].After}
	t := l.traffic(o)
	p.Reads, p.Writes, p.Extra, p.FLOPs = l.spans(t.reads), l.spans(t.writes), float64(t.extra), t.flops
	p.Packed = float64(l.packing(o))
	k, err := l.launch(o, l.mode(o), c)
	if err != nil {
		return p, fmt.Errorf("gpu: %s: %w", l.op(o), err)
	}
	if k != nil {
		n := k.N
		if n == 0 {
			n = l.Batch
		}
		p.Kernel = described(k.Kernel, n, used)
	}
	if p.Op == "grad" && !o.(*GradSum).Write {
		p.Op = "sums"
	}
	return p, nil
}

// Used is the compiler's report on a kernel.
type Used struct {
	Registers int // a thread
	Shared    int // bytes a block
}

func described(k *kernels.Kernel, n int, used func(*kernels.Kernel) *Used) *predict.Kernel {
	l := k.Launch(n)
	d := &predict.Kernel{Blocks: int(l.Grid[0] * l.Grid[1] * l.Grid[2]), Threads: int(l.Block[0]), AtLeast: promised(k.Text, int(l.Block[0])), Meets: l.Cooperative}
	if k.Counters() > 0 && k.Scratch(n) > 0 {
		d.Slots = int(l.Grid[0] * l.Grid[1])
	}
	if used == nil {
		return d
	}
	if u := used(k); u != nil {
		d.Registers, d.Shared, d.Compiled = u.Registers, u.Shared+int(l.Shared), true
	}
	return d
}

var (
	launchBounds = regexp.MustCompile(`__launch_bounds__\(\w+(?:, *(\d+))?\)`)
	blocks       = regexp.MustCompile(`constexpr int BLOCKS = (\d+);`)
)

// promised is the number of blocks of so many threads that a multiprocessor holds by the kernel's
// launch bounds. Without bounds it is the number that 255 registers a thread leave room for.
func promised(text string, threads int) int {
	m := blocks.FindStringSubmatch(text)
	if m == nil {
		m = launchBounds.FindStringSubmatch(text)
	}
	if m != nil && m[1] != "" {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return max(1, 65536/256/threads)
}

// traffic is the data that an op moves.
type traffic struct {
	reads, writes []Part
	extra         int64 // bytes that are in no buffer
	flops         float64
}

func (l *List) traffic(o Op) traffic {
	p, size := &l.Params, int64(l.Type.Size())
	switch o := o.(type) {
	case *Augment:
		b := l.Plan.Buffers[o.Y]
		return traffic{writes: []Part{l.whole(o.Y)}, extra: int64(l.Batch) * int64(b.C*b.H*b.W)}
	case *Pack:
		return traffic{extra: (8 + size) * int64(p.Packed)} // weight, index, copy
	case *Conv:
		return traffic{reads: []Part{o.X}, writes: []Part{o.Y}, extra: size * int64(o.Call.Size()), flops: l.flops(o.Call, o.Y)}
	case *ConvData:
		t := traffic{reads: []Part{o.DY}, writes: []Part{o.DX}, extra: size * int64(o.Call.Size()), flops: l.flops(o.Call, o.DY)}
		if o.Call.Again {
			t.reads = append(t.reads, o.DX)
		}
		return t
	case *GradConcat:
		return traffic{reads: gradParts(o.Terms...), writes: []Part{l.whole(o.Y)}}
	case *ConvFilter:
		return traffic{reads: []Part{o.X, o.DY}, extra: 4 * int64(o.Call.Size()), flops: l.flops(o.Call, o.DY)}
	case *Stats:
		return traffic{reads: l.statsParts(o)}
	case *Apply:
		return traffic{reads: viewParts(o.X), writes: []Part{l.whole(o.Y)}}
	case *Pool:
		return traffic{reads: []Part{o.X}, writes: []Part{l.whole(o.Y)}}
	case *PoolGrad:
		t := traffic{reads: []Part{l.whole(o.DY)}, writes: []Part{l.whole(o.DX)}}
		if o.Op.Max {
			t.reads = append(t.reads, o.X)
		}
		return t
	case *Drop:
		return traffic{reads: []Part{o.X}, writes: []Part{l.whole(o.Y)}}
	case *Copy:
		return traffic{reads: []Part{o.X}, writes: []Part{o.Y}}
	case *Join:
		return l.joinTraffic(o)
	case *Correlate:
		if !l.Forward {
			return traffic{} // a step of training does not run it
		}
		return traffic{reads: viewParts(o.A, o.B)}
	case *Clear:
		return traffic{writes: []Part{l.whole(o.Y)}}
	case *Head:
		return l.headTraffic(o)
	case *HeadGrad:
		c, classes := int64(o.Op.X.C), int64(l.Plan.Graph.Classes)
		return traffic{extra: 4 * (int64(l.Batch)*(c+classes) + c*classes), flops: 2 * float64(int64(l.Batch)*c*classes)}
	case *Tally:
		return traffic{extra: 8 * int64(l.Batch)}
	case *GradSum:
		return o.traffic()
	case *Unpack:
		return traffic{extra: 12 * int64(p.Loose)}
	case *Finite, *Clip:
		return traffic{extra: 4 * int64(p.Floats)}
	case *SGD:
		each := 20 + size // w and v there and back, g, copy
		if l.Recipe.Average {
			each += 8
		}
		return traffic{extra: each * int64(o.Hi-o.Lo)}
	case *Rescale:
		return traffic{}
	case *Zero:
		return traffic{extra: 8 * int64(l.all())}
	case *AllReduce: // there and back, but for the sends of the other cards
		n := 0
		for _, s := range o.Spans {
			n += s.N
		}
		if o.Losses {
			n += 2 * l.all()
		}
		return traffic{extra: 8 * int64(n)}
	}
	panic(fmt.Sprintf("gpu: no traffic of %T", o)) // TestTraffic covers every op
}

// statsParts are the channels that statistics are taken of.
func (l *List) statsParts(o *Stats) (ps []Part) {
	if !l.Plan.Buffers[o.X].Grows {
		return []Part{l.whole(o.X)}
	}
	for _, s := range o.Stats {
		ps = append(ps, Part{o.X, s.Off, l.Plan.Norms[s.Norm].X.C})
	}
	return ps
}

func (l *List) joinTraffic(o *Join) traffic {
	t := traffic{reads: viewParts(o.Branches...), writes: []Part{l.whole(o.Y)}}
	if o.Skip != nil {
		t.reads = append(t.reads, viewPart(*o.Skip))
	}
	if o.Copy != engine.None {
		t.writes = append(t.writes, l.whole(o.Copy))
	}
	return t
}

func (l *List) headTraffic(o *Head) traffic {
	c, classes := o.Op.X.C, l.Plan.Graph.Classes
	t := traffic{reads: viewParts(o.X), extra: 4 * int64(c) * int64(l.Batch+classes), flops: 4 * float64(l.Batch*c*classes)}
	if o.DX != nil {
		t.writes = []Part{{o.DX.Buf, o.DX.Off, o.DX.C}}
		if o.DX.Accumulate {
			t.reads = append(t.reads, t.writes[0])
		}
	}
	return t
}

func (o *GradSum) traffic() (t traffic) {
	for _, x := range []Part{o.DX, o.Mask} {
		if x.Buf != engine.None {
			t.reads = append(t.reads, x)
		}
	}
	t.reads = append(t.reads, gradParts(o.Terms...)...)
	for _, s := range o.Sums {
		for _, x := range gradParts(s.Of) {
			if x.Buf != o.Dst.Buf || !o.Write { // an op has the value that it writes
				t.reads = append(t.reads, x)
			}
		}
	}
	if o.Write {
		t.writes = []Part{o.Dst}
	}
	if o.Accumulate {
		t.reads = append(t.reads, o.Dst)
	}
	return t
}

// viewParts are the channels that views read.
func viewParts(vs ...engine.View) (ps []Part) {
	for _, v := range vs {
		ps = append(ps, viewPart(v))
	}
	return ps
}

// flops of a call in any direction; y is the place of its output or of the output's gradient.
func (l *List) flops(c Call, y Part) float64 {
	b := l.Plan.Buffers[y.Buf]
	return 2 * float64(l.Batch*b.H*b.W) * float64(c.Size())
}

// spans are the parts by tensor, every lane once, in the order of first use.
func (l *List) spans(parts []Part) []predict.Span {
	var order []BufID
	used := map[BufID]map[int]bool{}
	for _, p := range parts {
		if used[p.Buf] == nil {
			used[p.Buf] = map[int]bool{}
			order = append(order, p.Buf)
		}
		for c := p.Off / lanes; c < (p.Off+p.C+lanes-1)/lanes; c++ {
			used[p.Buf][c] = true
		}
	}
	var out []predict.Span
	for _, b := range order {
		t := l.Plan.Buffers[b]
		bytes := float64(l.Batch * t.H * t.W * lanes * l.Type.Size())
		for first := range (t.C + lanes - 1) / lanes {
			if !used[b][first] {
				continue
			}
			if last := len(out) - 1; last >= 0 && out[last].Tensor == int(b) && out[last].First+out[last].Lanes == first {
				out[last].Lanes++
				continue
			}
			out = append(out, predict.Span{Tensor: int(b), First: first, Lanes: 1, LaneBytes: bytes})
		}
	}
	return slices.Clip(out)
}
