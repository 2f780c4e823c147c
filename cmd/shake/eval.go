package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/report"
	"shake/internal/train"
)

func (a *app) evalCmd() *cobra.Command {
	var net netFlags
	var weights, device, dataDir, on string
	var asJSON bool
	c := &cobra.Command{
		Use:   "eval RUN | eval NET --weights FILE",
		Short: "Measure the test error of trained weights",
		Long: `eval runs the test images through a network with running statistics and even
coefficients. RUN is a run directory, whose own weights are taken unless --weights names others.`,
		Example:           "  shake eval runs/quick --json\n  shake eval 26-2x32d --weights model.safetensors",
		Args:              takes("RUN or NET"),
		ValidArgsFunction: completeNets,
		RunE: func(_ *cobra.Command, args []string) error {
			spec, dir, err := net.loadRun(args[0])
			if err != nil {
				return err
			}
			switch {
			case weights != "":
			case dir != "":
				weights = filepath.Join(dir, train.WeightsFile)
			default:
				return exit(exitUsage, fmt.Errorf("eval: %s is a network, not a run directory: --weights FILE says what to measure", args[0]))
			}
			b, err := a.backend(device, spec)
			if err != nil {
				return err
			}
			sets, err := loadData(spec, dataDir)
			if err != nil {
				return err
			}
			images, err := evalImages(sets, on)
			if err != nil {
				return err
			}
			fmt.Fprintf(report.PlainWriter(a.err), "%s on %d %s images of %s, %s\n", weights, images.N, on, sets.Source, sets.Note)
			sig := interruptible(func() {})
			defer sig.stop()
			ev, err := train.Evaluate(sig, spec, b, weights, images)
			if errors.Is(err, context.Canceled) {
				return exit(exitInterrupted, errors.New("eval: interrupted"))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(ev)
			}
			_, err = fmt.Fprintf(a.out, "%s error %.2f%% (%d of %d), loss %.4f\n", on, ev.TestError, ev.Errors, ev.Images, ev.TestLoss)
			return err
		},
	}
	net.add(c)
	addDevice(c, &device)
	addData(c, &dataDir)
	c.Flags().StringVar(&weights, "weights", "", "safetensors `file` with PyTorch names")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&on, "on", "test", "`images` to measure on: test, or validation, which data.validation keeps out of training")
	c.RegisterFlagCompletionFunc("on", cobra.FixedCompletions([]string{"test", "validation"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// evalImages are the images that --on names.
func evalImages(s *data.Sets, on string) (*engine.Images, error) {
	switch {
	case on == "test":
		return s.Test, nil
	case on == "validation" && s.Validation != nil:
		return s.Validation, nil
	case on == "validation":
		return nil, exit(exitUsage, errors.New("eval: --on validation: the network has data.validation = 0, so that no image was kept out of training"))
	}
	return nil, exit(exitUsage, fmt.Errorf("eval: --on: want test or validation, have %q", on))
}
