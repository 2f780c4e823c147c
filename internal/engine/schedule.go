package engine

import (
	"math"

	"shake/dsl"
)

// LR returns the learning rate of one iteration; step counts from 0 over the whole run, an epoch
// has stepsPerEpoch steps. With E = t.Epochs and B = stepsPerEpoch the cosine schedule is
//
//	lr = 0.5 * t.LR * (1 + cos(pi * (step+1) / (E*B)))
//
// which is the authors' formula (docs/paper.md, Recipe) for step = (e-1)*B + i-1: it falls every
// iteration and is 0 in the last step. Warm-up phases come first, each at its own constant rate;
// the cosine counts their epochs too. "constant" is t.LR.
func LR(t dsl.Train, step, stepsPerEpoch int) float64 {
	end := 0
	for _, ph := range t.Warmup {
		end += ph.Epochs * stepsPerEpoch
		if step < end {
			return ph.LR
		}
	}
	if t.Schedule == "constant" {
		return t.LR
	}
	return 0.5 * t.LR * (1 + math.Cos(math.Pi*float64(step+1)/(float64(t.Epochs)*float64(stepsPerEpoch))))
}
