package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"shake/dsl"
	"shake/internal/report"
	"shake/internal/train"
	"shake/nets"
)

// printSummary writes the block at the end of a run: its end, the result beside the paper's figure,
// the places of its files, and the next commands.
func printSummary(w io.Writer, spec *dsl.Spec, s *train.Summary, g origin) error {
	w = report.PlainWriter(w)
	r := report.Result{
		Name: s.Name, Epochs: s.Epochs, Steps: s.Steps, Seconds: s.Seconds, ImagesPerSec: s.ImagesPerSec,
		Dir: s.Dir, Weights: s.Weights, Curves: s.Curves,
	}
	if s.Evaluated {
		r.TrainError, r.TestError, r.TestLoss, r.TestImages = s.TrainError, s.TestError, s.TestLoss, s.TestImages
		r.ValError, r.ValLoss, r.ValImages = s.ValError, s.ValLoss, s.ValImages
	}
	if a := s.Average; a != nil {
		r.Average = "of the weights of " + report.Plural(a.Epochs, "epoch")
		if a.Decay > 0 {
			r.Average = fmt.Sprintf("of the weights of all steps, with a decay of %v", a.Decay)
		}
		if a.TestError != nil {
			r.Average += fmt.Sprintf(": test error %.2f%%", *a.TestError)
		}
		if a.ValError != nil {
			r.Average += fmt.Sprintf(", validation %.2f%%", *a.ValError)
		}
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
	for _, l := range next(spec, s, g) {
		if err := row("next", l); err != nil {
			return err
		}
	}
	return nil
}

// figure is the paper's row in the form of report.Summary; nil if the row has no figure.
func figure(r nets.Row) *report.Figure {
	if r.Error == 0 {
		return nil
	}
	runs := report.Plural(r.Runs, "run")
	if r.Runs > 1 {
		runs = "mean of " + runs
	}
	return &report.Figure{
		Label: fmt.Sprintf("%s %s, 1800 epochs, %s", r.Model, r.Label, runs),
		Table: fmt.Sprintf("Table %d", r.Table),
		Error: r.Error,
	}
}

// origin is the options of a run besides its network; "" is none.
type origin struct{ data, device, weights string }

// flags are the command-line flags for the same options.
func (g origin) flags(names ...string) (text string) {
	for _, n := range names {
		value := map[string]string{"data": g.data, "device": g.device, "weights": g.weights}[n]
		if value != "" && value != "auto" {
			text += " --" + n + " " + shellWord(value)
		}
	}
	return text
}

// next are useful commands after this run, for a shell.
func next(spec *dsl.Spec, s *train.Summary, g origin) []string {
	shake, dir := shellWord(program(os.Args[0])), shellWord(s.Dir)
	one, _, _ := strings.Cut(g.device, ",") // eval runs on one card
	eval := fmt.Sprintf("%s eval %s%s", shake, dir, origin{g.data, one, g.weights}.flags("data", "device"))
	switch {
	case s.Diverged != nil:
		config := shellWord(filepath.Join(s.Dir, train.ConfigFile))
		return []string{fmt.Sprintf("%s run %s -o train.lr=%g%s", shake, config, spec.Train.LR/2, g.flags("data", "device", "weights"))}
	case !s.Finished:
		return []string{fmt.Sprintf("%s run --resume %s%s", shake, dir, g.flags("data", "device"))}
	case spec.Data.Set == "synthetic":
		return []string{eval, shake + " data fetch cifar10", shake + " run 26-2x32d -o train.epochs=2"}
	}
	return []string{eval, fmt.Sprintf("%s export %s weights.safetensors", shake, dir)}
}

// program is the user's name for this program, for commands to copy: "bin/shake", or "shake" if it
// is found on the path.
func program(arg0 string) string {
	if filepath.Base(arg0) != "shake" {
		return "shake"
	}
	return arg0
}
