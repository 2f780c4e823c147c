// Package graphtest makes the Specs of the paper's networks, at any width and depth, as plain Go
// values: tests of graphs and engines need small ones and should not depend on the language that
// normally says them. Only tests import it.
package graphtest

import (
	"fmt"
	"math/rand/v2"

	"shake/dsl"
)

// Families are the names that Spec knows.
var Families = []string{"26", "resnext", "a", "b", "c"}

// Spec returns a network of a family (docs/paper.md, Networks) with blocks blocks in each of its
// three stages:
//
//	26       26 2xWd: pre-activation, two-flow skip          (26 2x32d: width 32, blocks 4)
//	resnext  ResNeXt-29 2x4xWd: 4 groups, post-activation, conv skip (2x4x64d: width 64, blocks 3)
//	a        26 without skips                                (width 32, blocks 4)
//	b        a with one conv a branch                        (width 32, blocks 8)
//	c        a without batch normalisation                   (width 32, blocks 2)
//
// All are S-S-I on ten classes with the paper's recipe; change fields of the result at will. An
// unknown family panics.
func Spec(family string, width, blocks int) *dsl.Spec {
	s := &dsl.Spec{
		Name: family, Seed: 1,
		Shake: dsl.Shake{Forward: dsl.Shaken, Backward: dsl.Shaken, Level: dsl.Image, Range: [2]float64{0, 1}, BackwardRange: [2]float64{0, 1}, Gate: 0.5},
		Train: dsl.Train{Epochs: 1800, Batch: 128, Replicas: 2, LR: 0.2, Schedule: "cosine", Factor: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 1e-4, CheckpointEvery: 1, EvalEvery: 1},
		Data: dsl.Data{Set: "cifar10", Split: "last", Size: 32, Channels: 3, Mean: [3]float64{125.3, 123.0, 113.9}, Std: [3]float64{63.0, 62.1, 66.7},
			Flip: true, Crop: 4, Augment: true, Shuffle: true},
		Engine: dsl.Engine{Conv: "auto", Precision: "auto", Deterministic: true},
	}
	bn, relu := dsl.Layer{Kind: dsl.BN}, dsl.Layer{Kind: dsl.ReLU}
	n := &s.Net
	n.Branches = 2
	n.Stem = []dsl.Layer{Conv(3, 16), bn}
	n.Head = []dsl.Layer{relu, {Kind: dsl.AvgPool}, {Kind: dsl.Linear}}
	first, second := strided(Conv(3, 0)), Conv(3, 0)
	switch family {
	case "26", "a":
		n.Branch = []dsl.Layer{relu, first, bn, relu, second, bn}
		if family == "26" {
			n.Skip = dsl.SkipTwoFlow
		}
	case "b":
		n.Branch = []dsl.Layer{relu, first, bn}
	case "c":
		n.Stem = n.Stem[:1]
		n.Branch = []dsl.Layer{relu, first, relu, second}
	case "resnext":
		grouped := strided(Conv(3, 0))
		grouped.Groups = 4
		n.Stem = []dsl.Layer{Conv(3, width), bn, relu}
		n.Branch = []dsl.Layer{Conv(1, 0), bn, relu, grouped, bn, relu, Conv(1, 0), bn}
		n.Skip = dsl.SkipConv
		n.After = []dsl.Layer{relu}
		n.Head = n.Head[1:]
		width *= 4
	default:
		panic("graphtest: unknown family " + family)
	}
	for i, stride := range []int{1, 2, 2} {
		n.Stages = append(n.Stages, dsl.Stage{Width: width << i, Blocks: blocks, Stride: stride})
	}
	return s
}

// Conv is an r x r convolution to out channels (0: the stage's width), stride 1, padded to keep an
// odd r's map size.
func Conv(r, out int) dsl.Layer {
	return dsl.Layer{Kind: dsl.Conv, R: r, S: r, Out: out, Groups: 1, Stride: 1, Pad: (r - 1) / 2}
}

func strided(l dsl.Layer) dsl.Layer { l.TakesStride = true; return l }

// SmallMaps replaces the stem's first conv by one that leaves 10 rows and 11 columns, so that
// strides meet odd and even maps: 10x11, 5x6, 3x3.
func SmallMaps(s *dsl.Spec) *dsl.Spec {
	stem := &s.Net.Stem[0]
	stem.R, stem.S, stem.Pad, stem.Stride = 5, 2, 0, 3
	return s
}

// Small is a network of a family on maps of 8, 4 and 2 pixels, cheap enough for the reference: the
// stem takes every fourth one.
func Small(family string, width, blocks int) *dsl.Spec {
	s := Spec(family, width, blocks)
	s.Net.Stem[0].Stride = 4
	return s
}

// Corners are nets that between them reach every corner of lowering: fused, unaligned, several
// readers of one norm, stored norms and ReLUs.
func Corners() map[string]*dsl.Spec {
	m := map[string]*dsl.Spec{}
	for _, f := range Families {
		m[f] = Spec(f, 32, 2)
		m[f+"-odd"] = Spec(f, 6, 1)
	}
	bn, relu := dsl.Layer{Kind: dsl.BN}, dsl.Layer{Kind: dsl.ReLU}
	pre := Spec("26", 16, 2) // full pre-activation: a norm and the skip read one value
	pre.Net.Branch = append([]dsl.Layer{bn}, pre.Net.Branch...)
	m["preact"] = pre
	twice := Spec("26", 16, 1) // bn relu bn: a norm of a ReLU
	twice.Net.Branch = append(twice.Net.Branch, relu, bn)
	m["bn-relu-bn"] = twice
	three := Spec("resnext", 16, 2)
	three.Net.Branches = 3
	m["three"] = three
	stem := Spec("26", 16, 2) // the first block's identity skip reads the stem's norm
	stem.Net.Stem = append(stem.Net.Stem, relu)
	stem.Net.Stages = stem.Net.Stages[:1]
	stem.Net.Head[1] = dsl.Layer{Kind: dsl.AvgPool}
	m["stem"] = stem
	m["dense"] = Dense(12, 2)
	return m
}

// Dense is a network of two stages that grow by so many channels a block, with a transition between
// them.
func Dense(width, blocks int) *dsl.Spec {
	s := WithBranches(Spec("26", width, blocks), 1)
	bn, relu, quadruple, half := dsl.Layer{Kind: dsl.BN}, dsl.Layer{Kind: dsl.ReLU}, Conv(1, 4), Conv(1, 2)
	quadruple.OutUnit, half.OutUnit = dsl.Widths, dsl.InputParts
	pool := strided(dsl.Layer{Kind: dsl.AvgPool, R: 2, S: 2, Stride: 1})
	n := &s.Net
	n.Stem = []dsl.Layer{Conv(3, 2*width)}
	n.Transition = []dsl.Layer{bn, relu, half, pool}
	n.Branch = []dsl.Layer{bn, relu, strided(quadruple), bn, relu, Conv(3, 0)}
	n.Skip = dsl.SkipConcat
	n.Head = append([]dsl.Layer{bn}, n.Head...)
	n.Stages = []dsl.Stage{{Width: width, Blocks: blocks, Stride: 1}, {Width: width, Blocks: blocks, Stride: 2}}
	return s
}

// WithBranches gives s n branches; one branch has nothing to draw.
func WithBranches(s *dsl.Spec, n int) *dsl.Spec {
	s.Net.Branches = n
	if n == 1 {
		s.Shake.Forward, s.Shake.Backward = dsl.Even, dsl.Even
	}
	return s
}

// Random is a network without a purpose, of words in random order: 1 to 3 branches of three convs
// of which one takes the stride, with or without skip, post-activation, grouped convs and a norm in
// the head. It is a pure function of its seed.
func Random(seed uint64) *dsl.Spec {
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := Spec("26", []int{4, 8, 12, 16}[rnd.IntN(4)], 1+rnd.IntN(2))
	s.Name = fmt.Sprintf("random-%d", seed)
	n := &s.Net
	WithBranches(s, 1+rnd.IntN(3))
	n.Skip = []dsl.SkipKind{dsl.SkipNone, dsl.SkipConv, dsl.SkipTwoFlow}[rnd.IntN(3)]
	n.Branch = nil
	stride := rnd.IntN(3)
	for i := range 3 {
		for rnd.IntN(2) == 0 {
			n.Branch = append(n.Branch, dsl.Layer{Kind: []dsl.LayerKind{dsl.BN, dsl.ReLU}[rnd.IntN(2)]})
		}
		conv := Conv([]int{1, 3}[rnd.IntN(2)], 0)
		conv.Groups = []int{1, 2}[rnd.IntN(2)]
		conv.TakesStride = i == stride
		n.Branch = append(n.Branch, conv)
	}
	n.Branch = append(n.Branch, dsl.Layer{Kind: dsl.BN})
	if rnd.IntN(2) == 0 {
		n.After = []dsl.Layer{{Kind: dsl.ReLU}}
	}
	if rnd.IntN(3) == 0 {
		n.Head = append([]dsl.Layer{{Kind: dsl.BN}}, n.Head...)
	}
	return s
}
