package engine

import (
	"math"
	"testing"

	"shake/dsl"
)

// TestLR holds LR to the formula of docs/paper.md in its own terms: e = 1..E, i = 1..B.
func TestLR(t *testing.T) {
	const epochs, perEpoch = 7, 11
	train := dsl.Train{Epochs: epochs, LR: 0.2, Schedule: "cosine"}
	for e := 1; e <= epochs; e++ {
		for i := 1; i <= perEpoch; i++ {
			want := 0.5 * 0.2 * (1 + math.Cos(math.Pi*float64((e-1)*perEpoch+i)/(epochs*perEpoch)))
			if have := LR(train, (e-1)*perEpoch+i-1, perEpoch); math.Abs(have-want) > 1e-16 {
				t.Errorf("epoch %d iteration %d: want %v, have %v", e, i, want, have)
			}
		}
	}
	if last := LR(train, epochs*perEpoch-1, perEpoch); last != 0 {
		t.Errorf("last step: want a rate of 0, have %v", last)
	}
}

func TestLRWarmup(t *testing.T) {
	train := dsl.Train{Epochs: 10, LR: 0.05, Schedule: "cosine", Warmup: []dsl.Phase{{Epochs: 1, LR: 0.025}, {Epochs: 2, LR: 0.03}}}
	plain := train
	plain.Warmup = nil
	for _, c := range []struct {
		step int
		want float64
	}{{0, 0.025}, {3, 0.025}, {4, 0.03}, {11, 0.03}, {12, LR(plain, 12, 4)}, {39, 0}} {
		if have := LR(train, c.step, 4); have != c.want {
			t.Errorf("step %d: want %v, have %v", c.step, c.want, have)
		}
	}
	train.Schedule = "constant"
	if have := LR(train, 12, 4); have != 0.05 {
		t.Errorf("constant: want 0.05, have %v", have)
	}
}

// TestLRMilestones: steps, restarts and ramps, in a training of 10 epochs of 4 steps.
func TestLRMilestones(t *testing.T) {
	cosine := func(i, n int) float64 { return 0.5 * 0.2 * (1 + math.Cos(math.Pi*float64(i)/float64(n))) }
	for _, c := range []struct {
		name  string
		train dsl.Train
		want  map[int]float64 // by step
	}{
		{"step at epochs", dsl.Train{Schedule: "step", Milestones: []float64{5, 8}, Factor: 0.2}, map[int]float64{0: 0.2, 19: 0.2, 20: 0.2 * 0.2, 31: 0.2 * 0.2, 32: 0.2 * 0.2 * 0.2, 39: 0.2 * 0.2 * 0.2}},
		{"step at fractions", dsl.Train{Schedule: "step", Milestones: []float64{0.5, 0.775}, Factor: 0.1}, map[int]float64{19: 0.2, 20: 0.02, 30: 0.02, 31: 0.002}},
		{"restarts", dsl.Train{Schedule: "cosine", Milestones: []float64{1, 3}}, map[int]float64{0: cosine(1, 4), 3: 0, 4: cosine(1, 8), 11: 0, 12: cosine(1, 28), 39: 0}},
		{"ramp", dsl.Train{Schedule: "constant", Warmup: []dsl.Phase{{Epochs: 2, LR: 0.2, Ramp: true}}}, map[int]float64{0: 0.2 / 8, 3: 0.1, 7: 0.2, 8: 0.2}},
		{"ramp behind a phase", dsl.Train{Schedule: "constant", Warmup: []dsl.Phase{{Epochs: 1, LR: 0.1}, {Epochs: 1, LR: 0.2, Ramp: true}}}, map[int]float64{3: 0.1, 4: 0.125, 7: 0.2}},
	} {
		c.train.Epochs, c.train.LR = 10, 0.2
		for step, want := range c.want {
			if have := LR(c.train, step, 4); math.Abs(have-want) > 1e-15 {
				t.Errorf("%s: step %d: want %v, have %v", c.name, step, want, have)
			}
		}
	}
}
