package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/report"
	"shake/internal/train"
)

// correlateFlags are the flags of "shake correlate".
type correlateFlags struct {
	net                     netFlags
	device, dataDir, format string
	weights, figures        []string
	layers                  bool
}

func (a *app) correlateCmd() *cobra.Command {
	var f correlateFlags
	c := &cobra.Command{
		Use:   "correlate RUN... | correlate NET --weights FILE",
		Short: "Correlate the branches of trained networks: the paper's Figures 3 and 4",
		Long: `correlate runs every test image through trained networks, with running statistics, and
says for each block how its branches correlate: their outputs, which the join multiplies
(Figure 3), and with --layers the first three layers of the one with those of the other
(Figure 4: L1R3 is layer 1 of the left branch with layer 3 of the right one). Images,
channels and positions are one population.

A layer is the output of a convolution, or what the words behind it make of it in front of
the next one: of relu, conv, bn, relu, conv, bn layer 1 is the first convolution, layer 2
the ReLU of its BN, layer 3 the second convolution. Of more branches than two every pair is
compared. Layers of different shapes have no figure, nor has a branch that does not vary.

Several runs stand side by side. Those that differ in their seed alone are one experiment,
with the mean of its runs, and an interval of 95 % for it: Student's t over the runs, of
Fisher's z = atanh(r). The last row of an experiment is the mean over its blocks; of two
experiments the difference of those means is tested by Welch's t.

On a card engine.precision = "auto" is fp32 here.`,
		Example: `  shake correlate runs/small/e-e-b/seed-* runs/small/s-s-i/seed-*
  shake correlate runs/small/e-e-b/seed-* --layers --figure figure4.svg
  shake correlate 26-2x32d --weights a.safetensors --weights b.safetensors --json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return takes("RUN... or NET")(c, args)
			}
			return given(c, "format", "figure", "weights")
		},
		ValidArgsFunction: completeNets,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(c, &f.format); err != nil {
				return err
			}
			if err := checkFigures(f.figures); err != nil {
				return err
			}
			return a.correlate(f, args)
		},
	}
	f.net.add(c)
	addDevice(c, &f.device)
	addData(c, &f.dataDir)
	c.Flags().StringArrayVar(&f.weights, "weights", nil, "safetensors `file` with PyTorch names; may be repeated")
	c.Flags().BoolVar(&f.layers, "layers", false, "table and figure of the layers (Figure 4) instead of the outputs (Figure 3); JSON has both")
	addFormat(c, &f.format)
	c.Flags().StringArrayVar(&f.figures, "figure", nil, "draw coloured matrices into this `file`, .svg or .png; may be repeated")
	return c
}

// model is a trained network that is to be correlated.
type model struct {
	Name         string `json:"name"` // as it was asked for
	Epochs       int    `json:"epochs,omitempty"`
	Seed         uint64 `json:"seed"`
	Images       int    `json:"test_images"`
	weights, run string // the file; the run directory, if it is a run's own
	spec         *dsl.Spec
	correlations []train.Correlation
}

func (a *app) correlate(f correlateFlags, args []string) error {
	sig := interruptible(func() {})
	defer sig.stop()
	models, err := f.models(args)
	if err != nil {
		return err
	}
	for i := range models {
		err := a.correlateOne(sig, f, &models[i])
		if errors.Is(err, context.Canceled) {
			return exit(exitInterrupted, errors.New("correlate: interrupted"))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", models[i].Name, err)
		}
	}
	groups := groupModels(models)
	if err := writeMatrices(f, groups); err != nil {
		return err
	}
	return a.printCorrelations(f, groups)
}

// correlateOne computes a model's correlations.
func (a *app) correlateOne(ctx context.Context, f correlateFlags, m *model) error {
	b, err := a.backend(ctx, f.device, m.spec)
	if err != nil {
		return err
	}
	spec := *m.spec
	if b.Name() == "gpu" && spec.Engine.Precision == "auto" {
		spec.Engine.Precision = "fp32"
	}
	sets, err := loadData(&spec, f.dataDir)
	if err != nil {
		return err
	}
	if m.run != "" {
		if err := a.sameImages(m.run, "test", sets); err != nil {
			return exit(exitUsage, fmt.Errorf("correlate: %w", err))
		}
	}
	fmt.Fprintf(report.PlainWriter(a.err), "%s on %d test images of %s, %s\n", m.weights, sets.Test.N, sets.Source, sets.Note)
	if m.correlations, err = train.Correlate(ctx, &spec, b, m.weights, sets.Test); err != nil {
		return err
	}
	for _, c := range m.correlations {
		if finite(c.Moments.AA+c.Moments.BB) == nil {
			return exit(exitDiverged, fmt.Errorf("%s: the activations of block %s are not finite: these are no weights to compare branches of", m.weights, c.Name))
		}
	}
	m.Images = sets.Test.N
	return nil
}

// models reads the networks of the arguments and finds their weights.
func (f *correlateFlags) models(args []string) (models []model, err error) {
	if len(f.weights) > 0 && len(args) > 1 {
		return nil, exit(exitUsage, fmt.Errorf("correlate: --weights are of one network, have %s: want one NET or RUN, or run directories without --weights", report.Plural(len(args), "argument")))
	}
	for _, arg := range args {
		spec, dir, err := f.net.loadRun(arg)
		if err != nil {
			return nil, err
		}
		switch {
		case spec.Net.Branches < 2:
			return nil, exit(exitUsage, fmt.Errorf("correlate: %s has one branch a block: there is nothing to compare it with", arg))
		case len(f.weights) > 0:
			for _, w := range f.weights {
				models = append(models, model{Name: w, Seed: spec.Seed, weights: w, spec: spec})
			}
		case dir == "":
			return nil, exit(exitUsage, fmt.Errorf("correlate: %s is a network, not a run directory: --weights FILE says what to measure", arg))
		default:
			m := model{Name: arg, Seed: spec.Seed, weights: filepath.Join(dir, train.WeightsFile), run: dir, spec: spec}
			if m.Epochs, err = trainedEpochs(dir); err != nil {
				return nil, err
			}
			models = append(models, m)
		}
	}
	return models, distinct(models)
}

// trainedEpochs is the number of whole epochs of a run. A run that diverged or has not begun is an
// error.
func trainedEpochs(dir string) (int, error) {
	rec, err := train.ReadRecord(dir)
	switch {
	case err != nil:
		return 0, err
	case rec.Status == train.DivergedRun:
		return 0, exit(exitDiverged, fmt.Errorf("%s: the run diverged in epoch %d: its branches have no correlation", dir, rec.Diverged.Epoch))
	case rec.Steps == 0:
		return 0, exit(exitUsage, fmt.Errorf("%s: the run has no trained weights yet: its first checkpoint after a step has them (shake run --resume %s)", dir, shellWord(dir)))
	}
	return rec.Epochs, nil
}

// distinct refuses weights that are named twice: they would count as two runs.
func distinct(models []model) error {
	for i, m := range models {
		at, err := os.Stat(m.weights)
		if err != nil {
			return exit(exitUsage, fmt.Errorf("%s: no weights: %w", m.Name, err))
		}
		for _, other := range models[:i] {
			if before, err := os.Stat(other.weights); err == nil && os.SameFile(at, before) {
				return exit(exitUsage, fmt.Errorf("correlate: %s and %s are the same run: want each once", other.Name, m.Name))
			}
		}
	}
	return nil
}
