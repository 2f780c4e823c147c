package gpu

import (
	"errors"
	"fmt"
	"maps"

	kernels "shake/csrc/cuda"
	"shake/cudnn"
	"shake/internal/engine"
	"shake/internal/graph"
)

// The kinds of rival that are single cuDNN graphs in place of several ops of a list. OwnFilter,
// OwnConv and CooperativeBackward are kernels of ours.
const (
	// ConvStats is convolutions with the sums of y beside them, then the norms' coefficients from
	// these sums.
	ConvStats = "conv+statistics"
	BatchNorm = "batch norm" // statistics, affine map and ReLU
	// The sums over a gradient and the gradient in front of the norm
	BatchNormBackward = "batch norm backward"
)

// rival is another way to do ops at .. at+count-1 of a training step: cuDNN graphs, one replica
// after the other, then kernels of ours.
type rival struct {
	kind      string
	at, count int
	graphs    []rivalGraph
	after     []*Launch
	bound     []*bound // the launches of after, once loaded
	stream    int      // that runs it
	// All blocks of its launch wait for each other. It may replace ops of several streams
	cooperative bool
}

// rivalGraph is a cuDNN graph for images lo .. hi-1, and the places of the tensors that it binds.
type rivalGraph struct {
	make  func(images int) *cudnn.Graph
	bound []place
}

// place is an argument and a distance from its beginning, in bytes: off, plus so many for each
// preceding image and each preceding replica.
type place struct {
	arg                 Arg
	image, replica, off int64
}

// rivals finds all rivals for a card. The rivals of one op may overlap.
func (l *List) rivals(p precision, card chip) ([]*rival, error) {
	var out []*rival
	var problems []error
	add := func(r *rival, err error) {
		if err != nil {
			problems = append(problems, err)
		} else if r != nil && l.together(r) {
			out = append(out, r)
		}
	}
	for i, o := range l.Ops {
		var next Op
		if i+1 < len(l.Ops) {
			next = l.Ops[i+1]
		}
		switch o := o.(type) {
		case *ConvFilter:
			add(l.ownFilter(i, o, card.sms))
		case *Conv:
			add(l.ownConv(i, o))
		case *Stats:
			add(l.convStats(i, o, p))
			if a, ok := next.(*Apply); ok {
				add(l.batchNorm(i, o, a))
			}
		case *GradSum:
			if a, ok := next.(*GradConcat); ok {
				add(l.batchNormBackward(i, o, a))
			}
		}
	}
	for _, s := range l.stretches {
		add(l.cooperativeBackward(s, card))
	}
	return out, errors.Join(problems...)
}

// together says whether the ops that r replaces are on one stream, unless r is cooperative, and
// gives r the scratch of its stream: of several, the first.
func (l *List) together(r *rival) bool {
	r.stream = l.Items[r.at].Stream
	for i := range r.count {
		s := l.Items[r.at+i].Stream
		if s != r.stream && !r.cooperative {
			return false
		}
		r.stream = min(r.stream, s)
	}
	for _, k := range r.after {
		k.onStream(r.stream)
	}
	for _, g := range r.graphs {
		for i := range g.bound {
			g.bound[i].arg = g.bound[i].arg.onStream(r.stream)
		}
	}
	return true
}

// activation is a part of a buffer, from the first image of a replica on.
func (l *List) activation(p Part) place {
	b, size := l.Plan.Buffers[p.Buf], int64(l.Type.Size())
	return place{arg: buffer(p.Buf), image: int64(b.H*b.W*round(b.C)) * size, off: int64(p.Off) * size}
}

// coefficients is array number a of a norm, one row a replica.
func (l *List) coefficients(w ArgKind, id engine.NormID, a int) place {
	row := 4 * int64(l.normWidth(id))
	return place{arg: Arg{w, int(id)}, replica: row, off: int64(a) * int64(l.Replicas) * row}
}

// sumsOf is row number a, from channel off on, of two rows of so many channels a replica.
func sumsOf(a, off, channels int) place {
	return place{arg: Arg{Kind: Sums}, replica: 8 * int64(channels), off: 4 * int64(a*channels+off)}
}

// wholeNorm says whether a norm has whole lanes, and its scales and its shifts each stand together,
// as cuDNN reads them. It returns their places.
func (l *List) wholeNorm(id engine.NormID) (scale, shift place, ok bool) {
	n := l.Plan.Norms[id]
	first := n.Parts[0]
	for _, part := range n.Parts {
		if l.Params.Offset[part.Gamma] != l.Params.Offset[first.Gamma]+part.Off || l.Params.Offset[part.Beta] != l.Params.Offset[first.Beta]+part.Off {
			return scale, shift, false
		}
	}
	at := func(id graph.ParamID) place {
		return place{arg: Arg{Kind: Weights}, off: 4 * int64(l.Params.Offset[id])}
	}
	return at(first.Gamma), at(first.Beta), n.X.C%lanes == 0
}

// normLaunch is a launch with a thread a channel; the kernel finds a norm's arrays under their
// usual names.
func normLaunch(spec kernels.Spec, id engine.NormID, more map[string]Arg) (*Launch, error) {
	named := map[string]Arg{"gamma_at": {GammaAt, int(id)}, "beta_at": {BetaAt, int(id)}}
	maps.Copy(named, more)
	return launch(spec, named)
}

// convStats is the rival of the statistics at i and of the convolutions in front of them. It exists
// where these compute every channel of the statistics.
func (l *List) convStats(i int, s *Stats, p precision) (*rival, error) {
	r := &rival{kind: ConvStats, at: i}
	channels, covered := round(l.Plan.Buffers[s.X].C), 0
	for r.at > 0 {
		o, ok := l.Ops[r.at-1].(*Conv)
		if !ok || o.Y.Buf != s.X {
			break
		}
		r.at--
		covered += o.Y.C
		c := l.convolution(o, l.Batch, p)
		size := int64(l.Type.Size())
		filter := place{arg: c.at[1], off: int64(c.off[1]) * size}
		r.graphs = append(r.graphs, rivalGraph{
			make: func(images int) *cudnn.Graph {
				c := l.convolution(o, images, p)
				return cudnn.ConvStatsGraph(c.t[0], c.t[1], c.t[2], c.desc, false)
			},
			bound: []place{l.activation(o.X), filter, l.activation(o.Y), sumsOf(0, o.Y.Off, channels), sumsOf(1, o.Y.Off, channels)},
		})
	}
	if covered != channels {
		return nil, nil
	}
	r.count = i + 1 - r.at
	b := l.Plan.Buffers[s.X]
	for _, st := range s.Stats {
		if _, _, ok := l.wholeNorm(st.Norm); !ok {
			return nil, nil
		}
		k, err := normLaunch(kernels.NormSumsSpec{C: l.normWidth(st.Norm), Off: st.Off, Channels: channels, HW: b.H * b.W, Replicas: l.Replicas}, st.Norm,
			map[string]Arg{"sums": {Kind: Sums}, "norm": {Norm, int(st.Norm)}, "running": {Running, int(st.Norm)}})
		if err != nil {
			return nil, err
		}
		r.after = append(r.after, k)
	}
	return r, nil
}

// batchNorm is the rival of one norm's statistics at i and of the view through the norm that
// follows.
func (l *List) batchNorm(i int, s *Stats, a *Apply) (*rival, error) {
	if len(s.Stats) != 1 {
		return nil, nil
	}
	st, v := s.Stats[0], a.X
	scale, shift, ok := l.wholeNorm(st.Norm)
	if !ok || v.Buf != s.X || v.Norm != st.Norm || v.NormOff != 0 || v.Off != st.Off || v.C != l.Plan.Norms[st.Norm].X.C || l.Plan.Buffers[a.Y].C != v.C {
		return nil, nil
	}
	x, y, t := viewPart(v), l.whole(a.Y), dataType(l.Type)
	k, err := normLaunch(kernels.NormAffineSpec{C: v.C, Replicas: l.Replicas}, st.Norm, map[string]Arg{"norm": {Norm, int(st.Norm)}})
	return &rival{kind: BatchNorm, at: i, count: 2, after: []*Launch{k}, graphs: []rivalGraph{{
		make: func(images int) *cudnn.Graph {
			return cudnn.BatchNormForwardGraph(l.tensor(x, images, t), l.tensor(y, images, t), normDesc(v.ReLU))
		},
		bound: []place{l.activation(x), scale, shift, l.coefficients(Running, st.Norm, 0), l.coefficients(Running, st.Norm, 1), l.activation(y),
			l.coefficients(Norm, st.Norm, 0), l.coefficients(Norm, st.Norm, 1)},
	}}}, err
}

// batchNormBackward is the rival of the sums over a gradient at i and of the gradient in front of
// the norm. It exists where only the norm lies between the two, and no other op needs the norm's
// coefficients.
func (l *List) batchNormBackward(i int, s *GradSum, a *GradConcat) (*rival, error) {
	if s.Write || len(s.Sums) != 1 || len(a.Terms) != 1 || s.Sums[0].Of != a.Terms[0] {
		return nil, nil
	}
	g := a.Terms[0]
	if g.Mask != engine.None || g.Block != engine.None || g.Norm == engine.None || g.NormOff != 0 || g.Y == engine.None {
		return nil, nil
	}
	scale, shift, ok := l.wholeNorm(g.Norm)
	if !ok || g.C != l.Plan.Norms[g.Norm].X.C || l.Plan.Buffers[a.Y].C != g.C || l.coefficientsUsed(g.Norm) != 1 {
		return nil, nil
	}
	x, dy, dx, t := Part{g.Y, g.YOff, g.C}, Part{g.Buf, g.Off, g.C}, l.whole(a.Y), dataType(l.Type)
	k, err := normLaunch(kernels.NormBackwardReplicasSpec{C: g.C, Replicas: l.Replicas}, g.Norm, map[string]Arg{"sums": {Kind: Sums}})
	bound := []place{l.activation(x), l.activation(dy), scale, l.coefficients(Norm, g.Norm, 0), l.coefficients(Norm, g.Norm, 1)}
	if g.ReLU {
		bound = append(bound, shift)
	}
	return &rival{kind: BatchNormBackward, at: i, count: 2, after: []*Launch{k}, graphs: []rivalGraph{{
		make: func(images int) *cudnn.Graph {
			return cudnn.BatchNormBackwardGraph(l.tensor(x, images, t), l.tensor(dy, images, t), l.tensor(dx, images, t), normDesc(g.ReLU))
		},
		bound: append(bound, l.activation(dx), sumsOf(0, 0, g.C), sumsOf(1, 0, g.C)),
	}}}, err
}

// normDesc is the graph's norm to cuDNN, with or without a ReLU behind it.
func normDesc(relu bool) cudnn.NormDesc {
	return cudnn.NormDesc{Epsilon: graph.NormEpsilon, Momentum: graph.NormMomentum, ReLU: relu}
}

// coefficientsUsed counts the gradients through a norm.
func (l *List) coefficientsUsed(id engine.NormID) (n int) {
	count := func(gs []engine.Grad) {
		for _, g := range gs {
			if g.Norm == id {
				n++
			}
		}
	}
	for _, o := range l.Ops {
		switch o := o.(type) {
		case *GradConcat:
			count(o.Terms)
		case *GradSum:
			count(o.Terms)
		}
	}
	return n
}

// sumsSize is the most bytes of sums that a rival of this list leaves for the kernel behind it.
func (l *List) sumsSize() int64 {
	most := 0
	for _, b := range l.Plan.Buffers {
		most = max(most, round(b.C))
	}
	return 8 * int64(most*l.Replicas)
}

func (r *rival) String() string { return fmt.Sprintf("%s at %d-%d", r.kind, r.at, r.at+r.count-1) }
