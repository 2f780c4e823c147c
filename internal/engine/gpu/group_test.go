package gpu_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// The sizes of batches, in turn. The odd ones are ragged, and one of a single image leaves the
// second card without any; norms over so few numbers multiply every rounding.
var (
	oddSizes   = []int{groupBatch, groupBatch, groupBatch - 1, groupBatch, 1, groupBatch, groupBatch - 3}
	plainSizes = []int{groupBatch, groupBatch, groupBatch - 1}
)

// Two cards end ten steps where two replicas on one card end, but for the order of additions, and
// with the same bits on every run, in a graph or without. In 16 bits both are as near to float32 on
// the processor as TestPrecisions has it, and so within twice that of each other.
func TestTwoCards(t *testing.T) {
	require(t)
	for _, c := range []struct {
		precision string
		limit     float64 // of the distance to one card's
		exact     float64 // of the distance to the processor's
		sizes     []int
	}{{"fp32", 1e-5, math.Inf(1), oddSizes}, {"bf16", 6e-3, 3e-3, plainSizes}, {"fp16", 2e-3, 1e-3, plainSizes}} {
		t.Run(c.precision, func(t *testing.T) {
			if c.precision != "bf16" {
				exhaustive.Only(t) // the exchange is that of bf16; in fp16 the loss scale's, too
			}
			s := graphtest.Small("26", 16, 1)
			net, err := graph.Build(s)
			if err != nil {
				t.Fatal(err)
			}
			one, err := gpu.Backend{Precision: c.precision}.Compile(net, groupConfig(2))
			if err != nil {
				t.Fatal(err)
			}
			defer one.Close()
			exact, err := cpu.Backend{}.Compile(net, groupConfig(2))
			if err != nil {
				t.Fatal(err)
			}
			defer exact.Close()
			for _, p := range []engine.Program{one, exact} {
				if err := errors.Join(prepare(p, net), groupSteps(p, 0.005, c.sizes)); err != nil {
					t.Fatal(err)
				}
			}
			want, ideal := state(t, one), state(t, exact)
			var bits []engine.Tensor
			for i, eager := range []bool{false, true} {
				g := cardGroup(t, gpu.Backend{Precision: c.precision, Eager: eager}, s, 2, 2)
				if err := g.each(func(_ int, p engine.Program) error { return groupSteps(p, 0.005, c.sizes) }); err != nil {
					t.Fatal(err)
				}
				sameMetrics(t, g, one, c.limit)
				have := g.gathered(t)
				if names(have) != names(want) {
					t.Errorf("tensors %s, want %s", names(have), names(want))
				}
				d, off := distance(have, want, len(net.Params)), distance(have, ideal, len(net.Params))
				t.Logf("%.2g from one card's, %.2g from float32 on the processor, from which one card's is %.2g", d, off, distance(want, ideal, len(net.Params)))
				if !(d <= c.limit && off <= c.exact) {
					t.Errorf("want %.2g and %.2g at most", c.limit, c.exact)
				}
				if i > 0 {
					if name := differs(have, bits); name != "" {
						t.Errorf("run %d: %s has other bits than before", i, name)
					}
				}
				bits = have
			}
		})
	}
}

// besideOne makes so many steps with s in fp32 on one card and on two, and returns the parameters'
// distance, the tensors of both, and the graph.
func besideOne(t *testing.T, s *dsl.Spec, c engine.Config, n int) (d float64, have, want []engine.Tensor, net *graph.Graph) {
	t.Helper()
	net, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	one, err := gpu.Backend{Precision: "fp32"}.Compile(net, c)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	steps := func(p engine.Program) error {
		for i := range n {
			if err := p.Step(engine.Step{Iteration: uint32(i), Index: []int32{0, 5, 3, 1, 7, 2}, LR: 0.005}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := errors.Join(prepare(one, net), steps(one)); err != nil {
		t.Fatal(err)
	}
	g := cardGroupOf(t, gpu.Backend{Precision: "fp32"}, s, c, 2)
	if err := g.each(func(_ int, p engine.Program) error { return steps(p) }); err != nil {
		t.Fatal(err)
	}
	have, want = g.gathered(t), state(t, one)
	return distance(have, want, len(net.Params)), have, want, net
}

// Three replicas on two cards: the first has two of them. The recipe has everything.
func TestMoreReplicasThanCards(t *testing.T) {
	require(t)
	exhaustive.Only(t)
	all := groupConfig(3)
	all.Smoothing, all.Clip, all.EMA, all.Mixup = 0.1, 0.5, 0.6, 0.4
	d, have, want, net := besideOne(t, graphtest.Small("26", 16, 1), all, 4)
	if names(have) != names(want) || !(d <= 1e-5) {
		t.Errorf("%.2g from one card's; tensors %s", d, names(have))
	}
	_, err := gpu.Backend{Group: &gpu.Group{World: 3}}.Compile(net, groupConfig(2))
	if err == nil || !strings.Contains(err.Error(), "train.replicas=2 for 3 cards") {
		t.Errorf("three cards for two replicas: %v", err)
	}
}

// Dropout and the gates of ShakeDrop on two cards are those of one, for each image and for each
// replica.
func TestTwoCardsDrawAlike(t *testing.T) {
	require(t)
	exhaustive.Only(t)
	for _, level := range []dsl.Level{dsl.Image, dsl.Batch} {
		t.Run(level.String(), func(t *testing.T) {
			s := graphtest.Small("26", 16, 1)
			s.Net.Branch = append(s.Net.Branch, dsl.Layer{Kind: dsl.Dropout, Rate: 0.4})
			s.Shake = dsl.Shake{Forward: dsl.Drop, Backward: dsl.Drop, Level: level, Range: [2]float64{-1, 1}, BackwardRange: [2]float64{0, 1}, Gate: 0.5}
			if d, _, _, _ := besideOne(t, s, groupConfig(2), 3); !(d <= 1e-5) {
				t.Errorf("%.2g from one card's", d)
			}
		})
	}
}

// When a rank is lost, a card that waits for it stops with ErrLost.
func TestLostCard(t *testing.T) {
	require(t)
	g := cardGroup(t, gpu.Backend{Precision: "bf16"}, graphtest.Small("26", 16, 1), 2, 2)
	ended := make(chan error, 1)
	go func() {
		p := g.programs[0]
		if err := p.Step(engine.Step{Index: []int32{0, 1, 2, 3}, LR: 0.1}); err != nil {
			ended <- err
			return
		}
		_, err := p.Metrics(true) // card 1 never makes the step
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("ended before: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	close(g.lost)
	select {
	case err := <-ended:
		if !errors.Is(err, gpu.ErrLost) {
			t.Errorf("have %v, want ErrLost", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still waiting after ten seconds")
	}
}

// Every gradient is added up over the cards once, in buckets as large as they should be, and the
// edges order that behind the gradient's ops and before the update.
func TestBuckets(t *testing.T) {
	for _, f := range []string{"26", "a", "b", "c", "resnext"} {
		net, err := graph.Build(graphtest.Small(f, 16, 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, bytes := range []int{1, 4 << 10, 1 << 30} {
			l, err := gpu.LowerShare(net, 0, 8, 2, gpu.Recipe{}, gpu.Several{All: 16, Bucket: bytes})
			if err != nil {
				t.Fatal(err)
			}
			seen, buckets := map[gpu.ArgKind]map[int]bool{gpu.Gradients: {}, gpu.PackedGrads: {}}, 0
			for _, o := range l.Ops {
				o, ok := o.(*gpu.AllReduce)
				if !ok || o.Losses {
					continue
				}
				buckets++
				for _, s := range o.Spans {
					for i := s.From; i < s.From+s.N; i++ {
						if seen[s.Kind][i] {
							t.Fatalf("%s: number %d is in two buckets", f, i)
						}
						seen[s.Kind][i] = true
					}
				}
			}
			if bytes == 1<<30 && buckets != 1 || bytes == 1 && buckets < 5 {
				t.Errorf("%s: %d buckets of %d bytes", f, buckets, bytes)
			}
			for id, p := range l.Plan.Graph.Params {
				for i := range int(p.Elements()) {
					at := l.Params.Offset[id] + i
					own := seen[gpu.Gradients][at]
					if at < l.Params.Loose {
						own = l.Params.To[at] >= 0 && seen[gpu.PackedGrads][int(l.Params.To[at])]
					}
					if !own {
						t.Fatalf("%s: number %d of %s is in no bucket of %d bytes", f, i, p.Name, bytes)
					}
				}
			}
		}
	}
}
