package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"shake/internal/report"
	"shake/internal/train"
)

func (a *app) evalCmd() *cobra.Command {
	var net netFlags
	var weights, device, dataDir string
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
			_, test, prov, err := loadData(spec, dataDir)
			if err != nil {
				return err
			}
			fmt.Fprintf(report.PlainWriter(a.err), "%s on %d test images of %s, %s\n", weights, test.N, prov.Source, prov.Note)
			sig := interruptible(func() {})
			defer sig.stop()
			ev, err := train.Evaluate(sig, spec, b, weights, test)
			if errors.Is(err, context.Canceled) {
				return exit(exitInterrupted, errors.New("eval: interrupted"))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(ev)
			}
			_, err = fmt.Fprintf(a.out, "test error %.2f%% (%d of %d), loss %.4f\n", ev.TestError, ev.Errors, ev.Images, ev.TestLoss)
			return err
		},
	}
	net.add(c)
	addDevice(c, &device)
	addData(c, &dataDir)
	c.Flags().StringVar(&weights, "weights", "", "safetensors `file` with PyTorch names")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
