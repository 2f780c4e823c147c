package gpu_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"shake/cudnn/cuda"
	"shake/cudnn/nccl"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/enginetest"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// group is the programs of several cards, each driven by a goroutine of its own.
type group struct {
	programs []engine.Program
	lost     chan struct{}
}

// each runs f for every card at once and returns the first error.
func (g *group) each(f func(rank int, p engine.Program) error) error {
	errs := make([]error, len(g.programs))
	var all sync.WaitGroup
	for rank, p := range g.programs {
		all.Go(func() { errs[rank] = f(rank, p) })
	}
	all.Wait()
	return errors.Join(errs...)
}

const groupBatch = 6

func groupConfig(replicas int) engine.Config {
	return engine.Config{Seed: 3, Batch: groupBatch, Replicas: replicas, Momentum: 0.9, Nesterov: true, WeightDecay: 1e-3, Flip: true, Crop: 4, Deterministic: true}
}

// prepare gives a program its images and the seed's weights.
func prepare(p engine.Program, g *graph.Graph) error {
	im := enginetest.Noise(2*groupBatch, g.Classes)
	return errors.Join(p.Load(im, im), p.SetState(engine.InitTensors(g, 3)))
}

// cardGroup compiles s for so many cards. Small buckets make several of them.
func cardGroup(t *testing.T, b gpu.Backend, s *dsl.Spec, replicas, world int) *group {
	t.Helper()
	if ds, err := cuda.Devices(); err != nil || len(ds) < world {
		t.Skipf("%d cards of %d: %v", len(ds), world, err)
	}
	net, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	id, err := nccl.NewID()
	if err != nil {
		t.Fatal(err)
	}
	g := &group{make([]engine.Program, world), make(chan struct{})}
	err = g.each(func(rank int, _ engine.Program) error {
		b := b
		b.Card, b.Group = rank, &gpu.Group{Rank: rank, World: world, ID: id, Lost: g.lost, Bucket: 4 << 10}
		p, err := b.Compile(net, groupConfig(replicas))
		if err != nil {
			return err
		}
		g.programs[rank] = p
		return prepare(p, net)
	})
	t.Cleanup(func() {
		g.each(func(_ int, p engine.Program) error {
			if p != nil {
				return p.Close()
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The sizes of batches, in turn. The odd ones are ragged, and one of a single image leaves the
// second card without any; norms over so few numbers multiply every rounding.
var (
	oddSizes   = []int{groupBatch, groupBatch, groupBatch - 1, groupBatch, 1, groupBatch, groupBatch - 3}
	plainSizes = []int{groupBatch, groupBatch, groupBatch - 1}
)

// groupSteps trains ten steps on batches of these sizes.
func groupSteps(p engine.Program, lr float64, sizes []int) error {
	for i := range 10 {
		n := sizes[i%len(sizes)]
		index := make([]int32, n)
		for j := range index {
			index[j] = int32((i + 3*j) % (2 * groupBatch))
		}
		if err := p.Step(engine.Step{Iteration: uint32(i), Index: index, LR: lr}); err != nil {
			return err
		}
	}
	return nil
}

// gathered is the state of the whole group, in the order of one card's.
func (g *group) gathered(t *testing.T) []engine.Tensor {
	t.Helper()
	states := make([][]engine.Tensor, len(g.programs))
	if err := g.each(func(rank int, p engine.Program) (err error) {
		states[rank], err = p.State()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	out := states[0]
	for rank, ts := range states[1:] {
		for i, x := range ts {
			if strings.HasPrefix(x.Name, "replica") {
				out = append(out, x)
			} else if differs([]engine.Tensor{x}, []engine.Tensor{states[0][i]}) != "" {
				t.Errorf("%s of card %d differs from card 0's", x.Name, rank+1)
			}
		}
	}
	return out
}

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
			if c.precision == "fp16" {
				exhaustive.Only(t) // the exchange is that of bf16, and the loss scale's
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

func names(ts []engine.Tensor) string {
	var s []string
	for _, x := range ts {
		s = append(s, x.Name)
	}
	slices.Sort(s)
	return fmt.Sprint(s)
}

// sameMetrics compares the sums of training and of an evaluation, which all cards have alike, with
// one card's; and the logits.
func sameMetrics(t *testing.T, g *group, one engine.Program, limit float64) {
	t.Helper()
	want, err := one.Metrics(false)
	if err != nil {
		t.Fatal(err)
	}
	tested, err := one.Eval(1, 2*groupBatch)
	if err != nil {
		t.Fatal(err)
	}
	logits, err := one.Logits(0, groupBatch+1)
	if err != nil {
		t.Fatal(err)
	}
	have, eval := make([]engine.Metrics, len(g.programs)), make([]engine.Metrics, len(g.programs))
	z := make([][]float32, len(g.programs))
	if err := g.each(func(rank int, p engine.Program) (err error) {
		if have[rank], err = p.Metrics(true); err != nil {
			return err
		}
		if eval[rank], err = p.Eval(1, 2*groupBatch); err != nil {
			return err
		}
		z[rank], err = p.Logits(0, groupBatch+1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for rank := range g.programs {
		if have[rank] != have[0] || eval[rank] != eval[0] || !slices.Equal(z[rank], z[0]) {
			t.Errorf("card %d: %+v and %+v, card 0: %+v and %+v", rank, have[rank], eval[rank], have[0], eval[0])
		}
	}
	if h := have[0]; h.Images != want.Images || h.BadStep != -1 || math.Abs(h.Loss-want.Loss) > limit*want.Loss {
		t.Errorf("training: %+v, one card: %+v", h, want)
	}
	if h := eval[0]; h.Images != tested.Images || math.Abs(h.Loss-tested.Loss) > 10*limit*tested.Loss {
		t.Errorf("evaluation: %+v, one card: %+v", h, tested)
	}
	for i := range logits {
		if math.Abs(float64(z[0][i]-logits[i])) > 100*limit {
			t.Fatalf("logit %d: %g, one card: %g", i, z[0][i], logits[i])
		}
	}
}

// Three replicas on two cards: the first has two of them.
func TestMoreReplicasThanCards(t *testing.T) {
	require(t)
	s := graphtest.Small("26", 16, 1)
	net, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	one, err := gpu.Backend{Precision: "fp32"}.Compile(net, groupConfig(3))
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	steps := func(p engine.Program) error {
		for i := range 4 {
			if err := p.Step(engine.Step{Iteration: uint32(i), Index: []int32{0, 5, 3, 1, 7, 2}, LR: 0.005}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := errors.Join(prepare(one, net), steps(one)); err != nil {
		t.Fatal(err)
	}
	g := cardGroup(t, gpu.Backend{Precision: "fp32"}, s, 3, 2)
	if err := g.each(func(_ int, p engine.Program) error { return steps(p) }); err != nil {
		t.Fatal(err)
	}
	have, want := g.gathered(t), state(t, one)
	if d := distance(have, want, len(net.Params)); names(have) != names(want) || !(d <= 1e-5) {
		t.Errorf("%.2g from one card's; tensors %s", d, names(have))
	}
	_, err = gpu.Backend{Group: &gpu.Group{World: 3}}.Compile(net, groupConfig(2))
	if err == nil || !strings.Contains(err.Error(), "train.replicas=2 for 3 cards") {
		t.Errorf("three cards for two replicas: %v", err)
	}
}

// When a rank is lost, a card that waits for it stops with ErrLost.
func TestLostCard(t *testing.T) {
	require(t)
	g := cardGroup(t, gpu.Backend{Precision: "fp32"}, graphtest.Small("26", 16, 1), 2, 2)
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
// edges order that behind what computes it and before the update.
func TestBuckets(t *testing.T) {
	for _, f := range []string{"26", "a", "b", "c", "resnext"} {
		net, err := graph.Build(graphtest.Small(f, 16, 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, bytes := range []int{1, 4 << 10, 1 << 30} {
			l, err := gpu.LowerShare(net, 0, 8, 2, gpu.Several{All: 16, Bucket: bytes})
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
