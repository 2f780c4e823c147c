package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shake/internal/train"
)

func (a *app) exportCmd() *cobra.Command {
	var net netFlags
	var seed uint64
	var average bool
	c := &cobra.Command{
		Use:   "export RUN|NET FILE.safetensors",
		Short: "Write weights for PyTorch: a run's, or an untrained network's",
		Long: `export writes parameters and running statistics under PyTorch's names, in float32:
of a run directory its newest whole checkpoint, of a network a fresh draw with --init SEED
(default: the network's own seed). FILE may be - for standard output; a device or a pipe
is written into, any other file replaced once all of the new one is written.`,
		Example: "  shake export runs/quick quick.safetensors\n  shake export 26-2x32d init.safetensors --init 7\n  shake export runs/quick - | ssh host 'cat >quick.safetensors'",
		Args:    takes("RUN|NET", "FILE.safetensors"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := ends(args[1], ".safetensors"); err != nil {
				return err
			}
			// A run that resumes meanwhile would keep the older weights.
			if err := foreign(args[1]); err != nil {
				return err
			}
			spec, dir, err := net.loadRun(args[0])
			if err != nil {
				return err
			}
			if dir != "" && c.Flags().Changed("init") {
				return exit(exitUsage, fmt.Errorf("export: %s is a run directory: --init is for untrained networks", dir))
			}
			if !c.Flags().Changed("init") && dir == "" {
				seed = spec.Seed
			}
			if dir == "" && average {
				return exit(exitUsage, fmt.Errorf("export: %s is a network: --average is for runs", args[0]))
			}
			file := train.WeightsFile
			if average {
				file = train.AverageFile
				if _, err := averaged(dir); err != nil {
					return err
				}
			}
			return a.write(args[1], "weights", func(w io.Writer) error {
				if dir != "" {
					return train.ExportRun(spec, dir, file, w)
				}
				return train.Export(spec, seed, w)
			})
		},
		ValidArgsFunction: completeNets,
	}
	c.Flags().BoolVar(&average, "average", false, "take the run's averaged weights, which train.swa or train.ema makes")
	net.add(c)
	c.Flags().Uint64Var(&seed, "init", 1, "draw fresh weights with this `seed`")
	return c
}
