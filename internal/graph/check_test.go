package graph_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// find returns the first op of type T.
func find[T graph.Op](g *graph.Graph) T {
	for _, op := range g.Ops {
		if o, ok := op.(T); ok {
			return o
		}
	}
	panic("no such op")
}

func TestCheckErrors(t *testing.T) {
	for _, c := range []struct {
		name, want string
		breakIt    func(*graph.Graph)
	}{
		{"no ops", "empty", func(g *graph.Graph) { g.Ops = nil }},
		{"input out of range", "value 999", func(g *graph.Graph) { g.Input = 999 }},
		{"virtual input", "cannot be virtual", func(g *graph.Graph) { g.Values[g.Input].Virtual = true }},
		{"empty shape", "want a shape", func(g *graph.Graph) { g.Values[3].H = 0 }},
		{"value name twice", "two values", func(g *graph.Graph) { g.Values[3].Name = g.Values[4].Name }},
		{"parameter name twice", "two parameters", func(g *graph.Graph) { g.Params[3].Name = g.Params[4].Name }},
		{"head first", "head as the last", func(g *graph.Graph) { g.Ops[0], g.Ops[len(g.Ops)-1] = g.Ops[len(g.Ops)-1], g.Ops[0] }},
		{"no head", "head as the last", func(g *graph.Graph) { g.Ops = g.Ops[:len(g.Ops)-1] }},
		{"nil op", "unknown operation", func(g *graph.Graph) { g.Ops[2] = nil }},
		{"output out of range", "writes value -1", func(g *graph.Graph) { find[*graph.ReLU](g).Y = -1 }},
		{"written twice", "already written", func(g *graph.Graph) { g.Ops[3] = g.Ops[2] }},
		{"order", "no earlier operation writes", func(g *graph.Graph) { g.Ops[2], g.Ops[3] = g.Ops[3], g.Ops[2] }},
		{"reads itself", "no earlier operation writes", func(g *graph.Graph) { r := find[*graph.ReLU](g); r.X.Value = r.Y }},
		{"ref out of range", "reads value 999", func(g *graph.Graph) { find[*graph.Head](g).X.Value = 999 }},
		{"channels out of range", "reads channels [8:24]", func(g *graph.Graph) { find[*graph.Head](g).X.Off = 8 }},
		{"channels overflow", "reads channels", func(g *graph.Graph) { find[*graph.Head](g).X.Off = 1<<63 - 1 }},
		{"conv stride", "stride of 1", func(g *graph.Graph) { find[*graph.Conv](g).Stride = 0 }},
		{"conv too many windows", "do not fit", func(g *graph.Graph) { find[*graph.Conv](g).Stride = 2 }},
		{"conv gap", "begin at 0", func(g *graph.Graph) { find[*graph.Conv](g).Parts[0].YOff = 2 }},
		{"conv missing part", "the parts write 0 of 16", func(g *graph.Graph) { find[*graph.Conv](g).Parts = nil }},
		{"conv reads outside", "reads channels [1:4] of 3", func(g *graph.Graph) { find[*graph.Conv](g).Parts[0].XOff = 1 }},
		{"conv groups", "2 groups do not divide 3", func(g *graph.Graph) { find[*graph.Conv](g).Parts[0].Groups = 2 }},
		{"conv kernel", "kernel", func(g *graph.Graph) { find[*graph.Conv](g).Parts[0].S = 0 }},
		{"conv pad", "pad", func(g *graph.Graph) { find[*graph.Conv](g).Parts[0].PadW = -1 }},
		{"conv weight shape", "want shape [16 3 1 3], have [16 3 3 3]", func(g *graph.Graph) { find[*graph.Conv](g).Parts[0].R = 1 }},
		{"weight out of range", "uses parameter 999", func(g *graph.Graph) { find[*graph.Conv](g).Parts[0].W = 999 }},
		{"weight twice", "a second time", func(g *graph.Graph) { g.Ops[1].(*graph.Norm).Parts[0].Beta = g.Ops[1].(*graph.Norm).Parts[0].Gamma }},
		{"unused parameter", "no operation uses", func(g *graph.Graph) { g.Params = append(g.Params, graph.Param{Name: "spare"}) }},
		{"norm gap", "normalises channels [1:17]", func(g *graph.Graph) { find[*graph.Norm](g).Parts[0].Off = 1 }},
		{"norm missing part", "normalise 0 of 16", func(g *graph.Graph) { find[*graph.Norm](g).Parts = nil }},
		{"norm shape", "want shape [16]", func(g *graph.Graph) { g.Params[1].Shape = []int{4, 4} }},
		{"relu shape", "want shape 16x32x32", func(g *graph.Graph) { g.Values[find[*graph.ReLU](g).Y].W = 31 }},
		{"subsample stride", "stride of 1", func(g *graph.Graph) { find[*graph.Subsample](g).Stride = 0 }},
		{"subsample shape", "want shape 16x16x16", func(g *graph.Graph) { find[*graph.Subsample](g).Stride = 2 }},
		{"concat channels", "channels together", func(g *graph.Graph) { c := find[*graph.Concat](g); c.Xs = c.Xs[:1] }},
		{"concat shape", "want inputs of 32x32", func(g *graph.Graph) {
			for _, op := range g.Ops { // the concat of stage 1 reads one of stage 0's flows
				if c, ok := op.(*graph.Concat); ok && c != find[*graph.Concat](g) {
					g.Values[c.Y].H, g.Values[c.Y].W = 32, 32
				}
			}
		}},
		{"join block", "joins block 3 of 3", func(g *graph.Graph) { find[*graph.Join](g).Block = 3 }},
		{"join twice", "joined a second time", func(g *graph.Graph) { find[*graph.Join](g).Block = 1; g.Blocks[1].Branches = 2 }},
		{"join branches", "joins 2 branches of a block of 3", func(g *graph.Graph) { g.Blocks[0].Branches = 3 }},
		{"join shape", "want shape", func(g *graph.Graph) { find[*graph.Join](g).Skip.C = 3 }},
		{"no join", "no join sums", func(g *graph.Graph) { g.Blocks = append(g.Blocks, graph.Block{Name: "stages.9.9"}) }},
		{"head shape", "want shape [7 16]", func(g *graph.Graph) { g.Classes = 7 }},
		{"value never written", "no operation writes", func(g *graph.Graph) {
			g.Values = append(g.Values, graph.Value{Name: "spare", C: 1, H: 1, W: 1})
		}},
		{"value never read", "no operation reads", func(g *graph.Graph) { find[*graph.Join](g).Skip = nil }},
		{"virtual conv", "must be written by a norm or relu", func(g *graph.Graph) {
			last := g.Ops[len(g.Ops)-2].(*graph.ReLU) // its input is a join, which cannot be recomputed
			find[*graph.Head](g).X.Value = last.X.Value
			g.Ops = append(g.Ops[:len(g.Ops)-2], g.Ops[len(g.Ops)-1])
			g.Values = g.Values[:len(g.Values)-1]
			g.Values[last.X.Value].Virtual = true
		}},
		{"virtual read by relu", "only conv, join, correlate and head", func(g *graph.Graph) { g.Values[find[*graph.ReLU](g).X.Value].Virtual = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := build(t, graphtest.Spec("26", 4, 1))
			c.breakIt(g)
			err := graph.Check(g)
			var e *graph.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with %q, have %v", c.want, err)
			}
		})
	}
}

// TestCheckNeverPanics changes integers of a graph at random: Check returns, with or without an
// error.
func TestCheckNeverPanics(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	numbers := []int64{-1 << 63, -1, 0, 1, 2, 15, 16, 17, 1 << 20, 1 << 40, 1<<63 - 1}
	original := build(t, graphtest.Spec("26", 4, 1))
	accepted := 0
	const rounds = 1000
	for range rounds {
		g := original.Clone()
		var ints []reflect.Value
		collect(reflect.ValueOf(g).Elem(), &ints)
		for range 1 + rnd.IntN(2) {
			ints[rnd.IntN(len(ints))].SetInt(numbers[rnd.IntN(len(numbers))])
		}
		if graph.Check(g) == nil {
			accepted++
		}
	}
	if accepted == rounds {
		t.Error("every broken graph was accepted")
	}
}

// collect appends every signed integer within v.
func collect(v reflect.Value, ints *[]reflect.Value) {
	switch v.Kind() {
	case reflect.Int:
		*ints = append(*ints, v)
	case reflect.Struct:
		for i := range v.NumField() {
			collect(v.Field(i), ints)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), ints)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			collect(v.Elem(), ints)
		}
	}
}

func TestCloneIsDeep(t *testing.T) {
	g := build(t, graphtest.Spec("26", 4, 1))
	before := g.String()
	c := g.Clone()
	var ints []reflect.Value
	collect(reflect.ValueOf(c).Elem(), &ints)
	for _, i := range ints {
		i.SetInt(i.Int() + 1)
	}
	if g.String() != before {
		t.Error("changing the clone changed the original")
	}
}
