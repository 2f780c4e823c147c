package main

import (
	"fmt"
	"strings"

	"shake/internal/report"
	"shake/internal/train"
)

// liveLine is the one line of a terminal while steps run, in at most width columns. In a narrow
// window the least useful fields go first: the bar, the learning rate, the speed, the loss, and at
// last the end of the line.
func liveLine(p train.Progress, width int) string {
	done := 0.0
	if p.StepsPerEpoch > 0 {
		done = float64(p.Step) / float64(p.StepsPerEpoch)
	}
	what := fmt.Sprintf("%3.0f%%", 100*done)
	if p.Evaluating {
		what = "test"
	}
	fields := []struct {
		text  string
		worth int // the lower goes first; 0 is a field to leave out
	}{
		{fmt.Sprintf("epoch %d/%d", p.Epoch, p.Epochs), 9},
		{bar(done, 20), 1},
		{what, 8},
		{"loss " + report.Loss(p.Loss), 4},
		{fmt.Sprintf("error %.2f%%", p.Error), 6},
		{fmt.Sprintf("lr %.4g", p.LR), 2},
		{fmt.Sprintf("%.0f img/s", p.ImagesPerSec), 3},
		{"ETA " + report.Duration(p.ETA.Seconds()), 7},
	}
	if p.ImagesPerSec == 0 {
		fields[6].worth = 0
	}
	if p.ETA == 0 {
		fields[7].worth = 0
	}
	for least := 1; ; least++ {
		var parts []string
		for _, f := range fields {
			if f.worth >= least {
				parts = append(parts, f.text)
			}
		}
		line := strings.Join(parts, "  ")
		if len(line) <= width {
			return line
		}
		if len(parts) == 1 {
			return line[:max(width, 0)]
		}
	}
}

// bar draws a fraction of 0 to 1 in n columns.
func bar(done float64, n int) string {
	full := int(max(0, min(done, 1)) * float64(n))
	return strings.Repeat("#", full) + strings.Repeat(".", n-full)
}

// progressLine is the line for a log file, now and then within a long epoch.
func progressLine(p train.Progress) string {
	s := fmt.Sprintf("epoch %d/%d  step %d/%d  loss %s  error %.2f%%  lr %.4g  %.0f img/s",
		p.Epoch, p.Epochs, p.Step, p.StepsPerEpoch, report.Loss(p.Loss), p.Error, p.LR, p.ImagesPerSec)
	if p.ETA > 0 {
		s += "  ETA " + report.Duration(p.ETA.Seconds())
	}
	return s
}

// epochLine sums up one epoch.
func epochLine(e train.EpochRecord, epochs int) string {
	s := fmt.Sprintf("epoch %*d/%d  train loss %s  error %.2f%%", len(fmt.Sprint(epochs)), e.Epoch, epochs, report.Loss(e.TrainLoss), e.TrainError)
	if e.TestImages > 0 {
		s += fmt.Sprintf("  test loss %s  error %.2f%%", report.Loss(e.TestLoss), e.TestError)
	}
	if e.ValImages > 0 {
		s += fmt.Sprintf("  validation loss %s  error %.2f%%", report.Loss(e.ValLoss), e.ValError)
	}
	return s + fmt.Sprintf("  lr %.4g  %s", e.LR, report.Duration(e.Took.Seconds()))
}
