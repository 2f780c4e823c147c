package gpu

import (
	"path/filepath"
	"slices"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/exhaustive"
	"shake/internal/golden"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
	"shake/nets"
)

// variants are the corner cases of lowering, and nets with words in random order.
func variants() map[string]*dsl.Spec {
	m := graphtest.Corners()
	for seed := range uint64(8) {
		s := graphtest.Random(seed)
		m[s.Name] = s
	}
	return m
}

func build(t testing.TB, s *dsl.Spec) *graph.Graph {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func list(t testing.TB, s *dsl.Spec, ty kernels.Type, n, replicas int) *List {
	t.Helper()
	l, err := Lower(build(t, s), ty, n, replicas, RecipeOf(engine.ConfigOf(s)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func eachList(t *testing.T, f func(t *testing.T, l *List)) {
	for name, s := range variants() {
		t.Run(name, func(t *testing.T) { f(t, list(t, s, kernels.BF16, 6, 2)) })
	}
}

func TestListGolden(t *testing.T) {
	for _, f := range []string{"26", "26-odd", "resnext", "three", "preact"} {
		golden.Compare(t, filepath.Join("testdata", f+".golden"), list(t, variants()[f], kernels.BF16, 128, 2).String())
	}
}

// Every built-in network has a list. The launches of a step are counted here, so that an added one
// shows.
func TestLaunches(t *testing.T) {
	exhaustive.Sequential(t)
	want := map[string]int{"26-2x32d": 268, "26-2x64d": 275, "26-2x96d": 281, "26-2x96d-cutout": 281, "a": 268, "b": 184, "c": 115, "densenet-bc-100-12": 857, "densenet-bc-190-40": 1600, "preact-resnet18": 146,
		"pyramidnet-shakedrop": 1104, "quick": 77, "resnet110": 783, "resnet20": 151, "resnext29": 361, "resnext29-16x64d": 233, "resnext29-8x64d": 228, "wrn28-10": 217}
	for _, name := range nets.Names() {
		s, err := nets.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if have := len(list(t, s, kernels.BF16, s.Train.Batch, s.Train.Replicas).Ops); have != want[name] {
			t.Errorf("%s: %d launches a step, want %d", name, have, want[name])
		}
	}
}

// Every buffer lies within the arena, and is written before it is read. (TestEdges looks at buffers
// that share memory.)
func TestArena(t *testing.T) {
	eachList(t, func(t *testing.T, l *List) {
		bufs := l.Plan.Buffers
		for i, a := range bufs {
			if a.First == engine.None {
				continue
			}
			if a.Offset%alignment != 0 || a.Offset+a.Size > l.Arena || a.Size < l.Batch*round(a.C)*a.H*a.W*2 {
				t.Errorf("buffer %d %s: %d+%d in an arena of %d", i, a.Name, a.Offset, a.Size, l.Arena)
			}
		}
		written := map[BufID]bool{}
		for i, o := range l.Ops {
			o.uses(func(b BufID, write bool) {
				if write {
					return
				}
				g, sums := o.(*GradSum)
				// The sums of such an op read the gradient that the op has just written.
				own := sums && g.Write && !g.Accumulate && g.Dst.Buf == b && g.DX.Buf != b
				if !written[b] && !own {
					t.Errorf("op %d, %s: reads %%%d before anything is written", i, l.op(o), b)
				}
			})
			o.uses(func(b BufID, write bool) { written[b] = written[b] || write })
		}
	})
}

// Every parameter is updated once.
func TestUpdates(t *testing.T) {
	everyList(t, func(t *testing.T, l *List) {
		updates := make([]int, l.Params.Floats)
		for _, o := range l.Ops {
			if o, ok := o.(*SGD); ok {
				for i := o.Lo; i < o.Hi; i++ {
					updates[i]++
				}
			}
		}
		if i := slices.IndexFunc(updates, func(n int) bool { return n != 1 }); i >= 0 {
			t.Errorf("parameter %d of %d is updated %d times", i, len(updates), updates[i])
		}
	})
}

// cuDNN reads and writes only whole lanes, and every channel of every output is written.
func TestWholeLanes(t *testing.T) {
	eachList(t, func(t *testing.T, l *List) {
		fits := func(i int, p Part) {
			if b := l.Plan.Buffers[p.Buf]; p.Off%lanes != 0 || p.C%lanes != 0 || p.Off+p.C > round(b.C) {
				t.Errorf("op %d: channels %d+%d of %%%d, which has %d", i, p.Off, p.C, p.Buf, b.C)
			}
		}
		wrote := map[BufID]int{}
		for i, o := range l.Ops {
			switch o := o.(type) {
			case *Conv:
				fits(i, o.X)
				fits(i, o.Y)
				wrote[o.Y.Buf] += o.Y.C
				if c := o.Call; c.C/c.Groups%lanes != 0 || c.K/c.Groups%lanes != 0 || c.Filter.Offset%lanes != 0 {
					t.Errorf("op %d: %s", i, c)
				}
			case *ConvData:
				fits(i, o.DY)
				fits(i, o.DX)
			case *ConvFilter:
				fits(i, o.X)
				fits(i, o.DY)
			}
		}
		for b, c := range wrote {
			if want := round(l.Plan.Buffers[b].C); c != want {
				t.Errorf("convolutions write %d of %d channels of %%%d", c, want, b)
			}
		}
	})
}

// A batch that fits is found, the next one does not fit, and memory grows with the batch.
func TestLargestBatch(t *testing.T) {
	g := build(t, graphtest.Spec("26", 32, 1))
	m, err := list(t, graphtest.Spec("26", 32, 1), kernels.BF16, 100, 2).Memory()
	if err != nil {
		t.Fatal(err)
	}
	free := m.Total()
	for _, c := range []struct {
		free, other int64
		want        int
	}{{free, 0, 100}, {free - 1, 0, 98}, {free + 1000, 1000, 100}, {1000, 0, 0}, {1 << 50, 0, 512}} {
		have, err := LargestBatch(g, kernels.BF16, 2, 512, Recipe{}, c.free, c.other)
		if err != nil || have != c.want {
			t.Errorf("%d bytes free, %d taken: want a batch of %d, have %d, %v", c.free, c.other, c.want, have, err)
		}
	}
}
