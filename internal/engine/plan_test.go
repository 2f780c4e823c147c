package engine_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/golden"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

func plan(t *testing.T, s *dsl.Spec, align int) *engine.Plan {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.NewPlan(g, align)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTooManyParameters: places of parameters beyond 32 bits would wrap around.
func TestTooManyParameters(t *testing.T) {
	g, err := graph.Build(graphtest.Spec("26", 2048, 4))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.NewPlan(g, 16); err == nil || !strings.Contains(err.Error(), "parameters with their padding, want at most 2147483647") {
		t.Errorf("have %v", err)
	}
}

func eachPlan(t *testing.T, f func(t *testing.T, p *engine.Plan)) {
	for name, s := range graphtest.Corners() {
		for _, align := range []int{1, 16} {
			t.Run(fmt.Sprintf("%s/align%d", name, align), func(t *testing.T) { f(t, plan(t, s, align)) })
		}
	}
}

// Buffers that live at the same step must not share memory, unless one was put over the other on
// purpose.
func TestPlanLayout(t *testing.T) {
	eachPlan(t, func(t *testing.T, p *engine.Plan) {
		for i, a := range p.Buffers {
			if a.Offset%p.Align != 0 || a.Offset+a.Size > p.Floats {
				t.Errorf("buffer %d %s: %d+%d in an arena of %d", i, a.Name, a.Offset, a.Size, p.Floats)
			}
			for j, b := range p.Buffers[:i] {
				alive := a.First <= b.Last && b.First <= a.Last
				over := a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size
				meant := a.InPlace == engine.BufID(j) || b.InPlace == engine.BufID(i)
				if alive && over && !meant {
					t.Errorf("buffers %d %s and %d %s share memory and steps %d-%d, %d-%d", i, a.Name, j, b.Name, a.First, a.Last, b.First, b.Last)
				}
			}
		}
	})
}

// written records which channels of each buffer hold something.
type written map[engine.BufID][]bool

func (w written) set(p *engine.Plan, b engine.BufID, off, c int) {
	if w[b] == nil {
		w[b] = make([]bool, p.Buffers[b].C)
	}
	for i := off; i < off+c; i++ {
		w[b][i] = true
	}
}

func (w written) has(b engine.BufID, off, c int) bool {
	for i := off; i < off+c; i++ {
		if w[b] == nil || !w[b][i] {
			return false
		}
	}
	return true
}

// Every gradient must be complete where it is read, a first write must not accumulate, and a later
// one must.
func TestPlanOrder(t *testing.T) {
	eachPlan(t, func(t *testing.T, p *engine.Plan) {
		w := written{}
		norms := map[engine.NormID]int{} // channels whose sums were taken; -1 once finalized
		grad := func(g engine.Grad) {
			if !w.has(g.Buf, g.Off, g.C) {
				t.Errorf("gradient %s[%d:%d] is read before it is written", p.Buffers[g.Buf].Name, g.Off, g.Off+g.C)
			}
		}
		final := func(g engine.Grad) {
			grad(g)
			if g.Norm != engine.None && norms[g.Norm] != -1 {
				t.Errorf("backward of norm %d is used before it is finalized", g.Norm)
			}
		}
		out := func(o *engine.GradOut) {
			if o == nil || o.Buf == engine.None {
				return
			}
			if o.Residual != nil {
				final(*o.Residual)
			}
			if o.Accumulate != w.has(o.Buf, o.Off, o.C) {
				t.Errorf("write to %s[%d:%d]: accumulate is %v", p.Buffers[o.Buf].Name, o.Off, o.Off+o.C, o.Accumulate)
			}
			w.set(p, o.Buf, o.Off, o.C)
		}
		sums := func(ss []engine.SumsOf) {
			for _, s := range ss {
				grad(s.Of)
				norms[s.Of.Norm] += s.Of.C
			}
		}
		for _, s := range p.Steps() {
			switch s := s.(type) {
			case *engine.HeadStep:
				out(&s.DX)
				sums(s.Sums)
			case *engine.ConvBackStep:
				for _, g := range s.DY {
					final(g)
				}
				out(s.DX)
				sums(s.Sums)
			case *engine.CopyStep:
				if s.Back {
					grad(engine.Grad{Buf: s.X, Off: s.XOff, C: s.C})
					out(&engine.GradOut{Buf: s.Y, Off: s.YOff, C: s.End - s.YOff})
				}
			case *engine.PoolBackStep:
				grad(engine.Grad{Buf: s.DY, C: p.Buffers[s.DY].C})
				out(&engine.GradOut{Buf: s.DX, C: p.Buffers[s.DX].C})
			case *engine.SumsStep:
				sums(s.Sums)
			case *engine.GradSumStep:
				for _, g := range s.Terms {
					final(g)
				}
				out(&engine.GradOut{Buf: s.Buf, Off: s.Off, C: s.C, Accumulate: s.Accumulate})
				sums(s.Sums)
			case *engine.NormBackStep:
				if norms[s.Norm] != p.Norms[s.Norm].X.C {
					t.Errorf("norm %d finalized with the sums of %d of %d channels", s.Norm, norms[s.Norm], p.Norms[s.Norm].X.C)
				}
				norms[s.Norm] = -1
			}
		}
		for i := range p.Norms {
			if norms[engine.NormID(i)] != -1 {
				t.Errorf("norm %d has no backward", i)
			}
		}
	})
}

// The canonical nets need no step but conv, norm, join and head: everything elementwise is fused.
func TestPlanFused(t *testing.T) {
	for _, f := range graphtest.Families {
		p := plan(t, graphtest.Spec(f, 32, 2), 16) // at width 16 the stem of 26 would be an identity skip
		for i, s := range p.Steps() {
			switch s.(type) {
			case *engine.ApplyStep, *engine.StatsStep, *engine.GradSumStep, *engine.SumsStep:
				t.Errorf("%s: step %d is a %T", f, i, s)
			}
		}
		inPlace := 0
		for _, b := range p.Buffers {
			if b.InPlace != engine.None {
				inPlace++
			}
		}
		if (f == "26" || f == "resnext") && inPlace != 3 {
			t.Errorf("%s: %d data gradients in place of the skip's, want one a stage", f, inPlace)
		}
	}
}

func TestPlanGolden(t *testing.T) {
	for _, f := range []string{"26", "resnext", "preact", "dense"} {
		s := graphtest.Corners()[f]
		golden.Compare(t, filepath.Join("testdata", "plan-"+f+".golden"), plan(t, s, 16).String())
	}
}

// The books of a plan are those of its graph: forward FLOPs are twice the multiply-adds that a
// summary counts, every operation has a place, and bytes grow with the batch.
func TestOperations(t *testing.T) {
	eachPlan(t, func(t *testing.T, p *engine.Plan) {
		const n = 6
		ops, one := p.Operations(n), p.Operations(1)
		if len(ops) != len(p.Steps()) {
			t.Fatalf("%d operations of %d steps", len(ops), len(p.Steps()))
		}
		flops := 0.0
		for i, o := range ops {
			if o.Kind == "conv" {
				flops += o.FLOPs
			}
			if o.At != i || o.Layer == "" || o.Kind == "" || o.Text == "" {
				t.Errorf("operation %d: %+v has no place", i, o)
			}
			if (o.Phase == engine.PhaseBackward) != (i > len(p.Forward)) {
				t.Errorf("operation %d of %d forward ones is %s", i, len(p.Forward), o.Phase)
			}
			if o.FLOPs != n*one[i].FLOPs && o.Kind != "head" || o.Bytes > n*one[i].Bytes || o.Bytes < one[i].Bytes {
				t.Errorf("%s: %g FLOPs and %g bytes of %d images, %g and %g of one", o.Text, o.FLOPs, o.Bytes, n, one[i].FLOPs, one[i].Bytes)
			}
		}
		s := graph.Summarize(p.Graph)
		head := int64(p.Head.Op.X.C * p.Graph.Classes)
		if want := 2 * n * float64(s.ForwardMACs-head); flops != want {
			t.Errorf("convolutions of %g FLOPs, the graph has %g", flops, want)
		}
	})
}

// TestPlanGrows: a block of a DenseNet copies its own channels alone. The values of a stage are
// one buffer without gaps, each channel's statistics are taken once, and no step but the first copy
// of a stage copies more than a block adds.
func TestPlanGrows(t *testing.T) {
	const width, blocks = 12, 5
	p := plan(t, graphtest.Dense(width, blocks), 16)
	var wide []int
	for _, b := range p.Buffers {
		if b.Grows && !b.Grad {
			wide = append(wide, b.C)
		}
	}
	first := []int{2 * width, (2 + blocks) * width / 2}
	if want := []int{first[0] + blocks*width, first[1] + blocks*width}; !slices.Equal(wide, want) {
		t.Errorf("growing buffers of %v channels, want %v", wide, want)
	}
	taken, copied := map[engine.BufID]int{}, map[engine.BufID]int{}
	for _, s := range p.Forward {
		switch s := s.(type) {
		case *engine.StatsStep:
			if from := s.Stats[0].From; from != taken[s.X] {
				t.Errorf("statistics of %s from channel %d, want %d", p.Buffers[s.X].Name, from, taken[s.X])
			}
			taken[s.X] = p.Norms[s.Stats[0].Norm].X.C
		case *engine.CopyStep:
			if copied[s.Y] > 0 && s.C != width || s.YOff != copied[s.Y] {
				t.Errorf("copies %d channels to %d of %s, which has %d", s.C, s.YOff, p.Buffers[s.Y].Name, copied[s.Y])
			}
			copied[s.Y] += s.C
		}
	}
	for b, n := range copied {
		if c := p.Buffers[b].C; n != c || taken[b] != c {
			t.Errorf("%s: %d of %d channels copied, statistics of %d", p.Buffers[b].Name, n, c, taken[b])
		}
	}
}
