package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"shake/dsl"
	"shake/internal/report"
	"shake/internal/train"
	"shake/nets"
)

// printSummary writes the block at the end of a run: how it ended, the result beside the paper's figure, where things are, and what to type next.
func printSummary(w io.Writer, spec *dsl.Spec, s *train.Summary) error {
	w = report.PlainWriter(w)
	r := report.Result{
		Name: s.Name, Epochs: s.Epochs, Steps: s.Steps, Seconds: s.Seconds, ImagesPerSec: s.ImagesPerSec,
		Dir: s.Dir, Weights: s.Weights, Curves: s.Curves,
	}
	if s.Evaluated {
		r.TrainError, r.TestError, r.TestLoss, r.TestImages = s.TrainError, s.TestError, s.TestLoss, s.TestImages
	}
	for _, u := range s.Cards {
		r.Cards = append(r.Cards, useLine(u))
	}
	if s.Diverged != nil {
		r.Diverged = fmt.Sprintf("diverged at epoch %d, iteration %d", s.Diverged.Epoch, s.Diverged.Iteration)
	}
	row := func(key, text string) error {
		_, err := fmt.Fprintf(w, "  %-12s%s\n", key, text)
		return err
	}
	paper, ok := nets.Published(spec)
	if err := report.Summary(w, r, figure(paper)); err != nil {
		return err
	}
	if ok && paper.Diverges {
		if err := row("paper", fmt.Sprintf("diverges  Table %d: %s %s", paper.Table, paper.Model, paper.Label)); err != nil {
			return err
		}
	}
	for _, l := range next(spec, s) {
		if err := row("next", l); err != nil {
			return err
		}
	}
	return nil
}

// figure is the paper's row as report.Summary wants it; nil if there is no figure in it.
func figure(r nets.Row) *report.Figure {
	if r.Error == 0 {
		return nil
	}
	return &report.Figure{
		Label: fmt.Sprintf("%s %s, 1800 epochs, mean of %s", r.Model, r.Label, report.Plural(r.Runs, "run")),
		Table: fmt.Sprintf("Table %d", r.Table),
		Error: r.Error,
	}
}

// next are commands that make sense after this run.
func next(spec *dsl.Spec, s *train.Summary) []string {
	shake := program(os.Args[0])
	switch {
	case s.Diverged != nil:
		return []string{fmt.Sprintf("%s run %s -o train.lr=%g", shake, spec.Name, spec.Train.LR/2)}
	case !s.Finished:
		return []string{fmt.Sprintf("%s run --resume %s", shake, s.Dir)}
	case spec.Data.Set == "synthetic":
		return []string{
			fmt.Sprintf("%s eval %s", shake, s.Dir),
			shake + " data fetch cifar10",
			shake + " run 26-2x32d -o train.epochs=2   (CIFAR-10, a short schedule)",
		}
	}
	return []string{fmt.Sprintf("%s eval %s", shake, s.Dir), fmt.Sprintf("%s export %s weights.safetensors", shake, s.Dir)}
}

// program is how the user called this program, for commands to copy: "bin/shake", or "shake" if it is found on the path.
func program(arg0 string) string {
	if filepath.Base(arg0) != "shake" {
		return "shake"
	}
	return arg0
}
