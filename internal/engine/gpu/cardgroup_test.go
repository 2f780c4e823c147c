package gpu_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"shake/cudnn/cuda"
	"shake/cudnn/nccl"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/enginetest"
	"shake/internal/engine/gpu"
	"shake/internal/graph"
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
	return cardGroupOf(t, b, s, groupConfig(replicas), world)
}

func cardGroupOf(t *testing.T, b gpu.Backend, s *dsl.Spec, c engine.Config, world int) *group {
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
		p, err := b.Compile(net, c)
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
