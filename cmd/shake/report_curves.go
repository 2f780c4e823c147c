package main

import (
	"fmt"

	"shake/dsl"
	"shake/internal/experiment"
	"shake/internal/report"
	"shake/internal/train"
)

// drawOutcomes draws the rows of a sweep: a panel for each model, and in it a course for each row
// that has begun.
func drawOutcomes(f reportFlags, outcomes []experiment.Outcome) error {
	if len(f.figures) == 0 {
		return nil
	}
	o := report.Overlay{LR: f.lr}
	panels := map[string]int{}
	alike := map[[2]string]int{}
	for _, out := range outcomes {
		alike[[2]string{out.Row.Model, drawsText(out.Row.Spec.Shake)}]++
	}
	for _, out := range outcomes {
		c := report.Course{Name: drawsText(out.Row.Spec.Shake)}
		if alike[[2]string{out.Row.Model, c.Name}] > 1 {
			c.Name += ", " + out.Row.Name
		}
		if n := out.Count(experiment.Diverged); n > 0 {
			c.Name += ", diverged"
		}
		if n := out.Count(experiment.Damaged); n > 0 {
			c.Name += fmt.Sprintf(", %d damaged", n)
		}
		for i, run := range out.Runs {
			if s := out.Statuses[i].State; s == experiment.Damaged || s == experiment.Waiting {
				continue
			}
			points, lr, err := curve(run.Dir)
			if err != nil {
				return err
			}
			if len(points) > 0 {
				c.Runs = append(c.Runs, points)
			}
			if len(lr) > len(c.LR) {
				c.LR = lr
			}
		}
		if len(c.Runs) == 0 {
			continue
		}
		i, ok := panels[out.Row.Model]
		if !ok {
			i = len(o.Panels)
			panels[out.Row.Model] = i
			o.Panels = append(o.Panels, report.Panel{Title: out.Row.Model})
		}
		o.Panels[i].Courses = append(o.Panels[i].Courses, c)
	}
	if len(o.Panels) == 0 {
		return exit(exitUsage, fmt.Errorf("--figure: no run of the sweep has an epoch to draw"))
	}
	return writeFigures(f.figures, o)
}

// drawsText is the paper's name of the draws, with their range unless it is [0, 1).
func drawsText(s dsl.Shake) string {
	if r := s.Range; r != [2]float64{0, 1} && s.Label() != "E-E-B" {
		return fmt.Sprintf("%s [%g, %g)", s.Label(), r[0], r[1])
	}
	return s.Label()
}

// curve reads a run's errors and learning rates, epoch by epoch.
func curve(dir string) (points []report.Point, lr []float64, err error) {
	rec, err := train.ReadRecord(dir)
	if err != nil {
		return nil, nil, err
	}
	epochs, err := train.ReadEpochs(dir, rec)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range epochs {
		points, lr = append(points, e.Point(float64(e.Epoch))), append(lr, e.LR)
	}
	return points, lr, nil
}
