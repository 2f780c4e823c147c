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
// iteration and is 0 in the last step. Milestones m1, m2, ... are turns at the steps that are done
// by then. From a turn to the next one, or to the end, the cosine has its whole course (warm
// restarts, Loshchilov and Hutter 2017), and "step" is t.LR * t.Factor^k behind k turns. "constant"
// is t.LR.
//
// Warm-up phases come first, each at its own constant rate, or rising to it linearly and reaching
// it in the phase's last step; the schedule counts their epochs too.
func LR(t dsl.Train, step, stepsPerEpoch int) float64 {
	begin, before := 0, 0.0
	for _, ph := range t.Warmup {
		n := ph.Epochs * stepsPerEpoch
		if step >= begin+n {
			begin, before = begin+n, ph.LR
			continue
		}
		if ph.Ramp {
			return before + (ph.LR-before)*float64(step-begin+1)/float64(n)
		}
		return ph.LR
	}
	from, end, turns := 0, t.Epochs*stepsPerEpoch, 0
	for _, m := range t.Milestones {
		at := turn(m, t.Epochs, stepsPerEpoch)
		if step < at {
			end = at
			break
		}
		from, turns = at, turns+1
	}
	switch t.Schedule {
	case "constant":
		return t.LR
	case "step":
		return t.LR * math.Pow(t.Factor, float64(turns))
	}
	return 0.5 * t.LR * (1 + math.Cos(math.Pi*float64(step-from+1)/float64(end-from)))
}

// turn is the number of steps done at a milestone: of that many epochs, or, below 1, of that
// fraction of the training, rounded.
func turn(milestone float64, epochs, stepsPerEpoch int) int {
	if milestone < 1 {
		return int(math.Round(milestone * float64(epochs) * float64(stepsPerEpoch)))
	}
	return int(milestone) * stepsPerEpoch
}
