package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"shake/internal/train"
)

func (a *app) exportCmd() *cobra.Command {
	var net netFlags
	var seed uint64
	c := &cobra.Command{
		Use:   "export RUN|NET FILE.safetensors",
		Short: "Write weights for PyTorch: a run's, or an untrained network's",
		Long: `export writes parameters and running statistics under PyTorch's names, in float32:
of a run directory its newest whole checkpoint, of a network a fresh draw with --init SEED
(default: the network's own seed).`,
		Example: "  shake export runs/quick quick.safetensors\n  shake export 26-2x32d init.safetensors --init 7",
		Args:    takes("RUN|NET", "FILE.safetensors"),
		RunE: func(c *cobra.Command, args []string) error {
			spec, dir, err := net.loadRun(args[0])
			if err != nil {
				return err
			}
			switch {
			case dir != "" && c.Flags().Changed("init"):
				return exit(exitUsage, fmt.Errorf("export: %s is a run directory: --init is for untrained networks", dir))
			case dir != "":
				err = train.ExportRun(dir, args[1])
			case c.Flags().Changed("init"):
				err = train.Export(spec, seed, args[1])
			default:
				err = train.Export(spec, spec.Seed, args[1])
			}
			if err == nil {
				fmt.Fprintf(a.err, "wrote %s\n", args[1])
			}
			return err
		},
		ValidArgsFunction: completeNets,
	}
	net.add(c)
	c.Flags().Uint64Var(&seed, "init", 1, "draw fresh weights with this `seed`")
	return c
}
