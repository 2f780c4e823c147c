package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	kernel "shake/csrc/cpu"
	"shake/csrc/load"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/gpu"
	"shake/internal/engine/ref"
	"shake/internal/files"
	"shake/internal/graph"
	"shake/internal/report"
	"shake/internal/train"
	"shake/nets"
)

// netFlags are the flags of every verb that reads a network.
type netFlags struct {
	overrides []string
}

func (f *netFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.overrides, "override", "o", nil, "set `key=value` of the network, such as train.epochs=10; may be repeated")
}

// load reads a network and builds its graph.
func (f *netFlags) load(name string) (*dsl.Spec, *graph.Graph, error) {
	spec, err := nets.Load(name, f.overrides...)
	if err != nil {
		return nil, nil, exit(exitSpec, err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		return nil, nil, exit(exitSpec, fmt.Errorf("%s: %w", name, err))
	}
	return spec, g, nil
}

// loadRun is load for a name that may be a run directory as well: then the network is the run's
// own.
func (f *netFlags) loadRun(name string) (spec *dsl.Spec, dir string, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrPermission) { // which is not absence
		return nil, "", exit(exitUsage, err)
	}
	if err == nil && info.IsDir() {
		spec, err := f.readConfig(name)
		return spec, name, err
	}
	spec, _, err = f.load(name)
	return spec, "", err
}

// loadGraph is load for a name that may be a run directory as well.
func (f *netFlags) loadGraph(name string) (*dsl.Spec, *graph.Graph, error) {
	spec, _, err := f.loadRun(name)
	if err != nil {
		return nil, nil, err
	}
	g, err := graph.Build(spec)
	return spec, g, exit(exitSpec, err)
}

// readConfig reads the network of a run directory.
func (f *netFlags) readConfig(dir string) (*dsl.Spec, error) {
	file := filepath.Join(dir, train.ConfigFile)
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit(exitUsage, fmt.Errorf("%s: no run there (no %s)", dir, train.ConfigFile))
	}
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	if err := files.Regular(file, info); err != nil {
		return nil, err
	}
	spec, _, err := f.load(file)
	return spec, err
}

// completeNets completes the names of the built-in networks, and files.
func completeNets(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nets.Names(), cobra.ShellCompDirectiveDefault
}

// deviceNames are the values of --device.
var deviceNames = []string{"auto", "cpu", "gpu", "ref"}

func addDevice(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "device", "auto", "`device` to run on: cpu, gpu, gpu:1 (that card), ref (float64, slow), or auto, which is gpu if there is one and else cpu")
	c.RegisterFlagCompletionFunc("device", cobra.FixedCompletions(deviceNames, cobra.ShellCompDirectiveNoFileComp))
}

// backend returns the backend of --device, if it can run the network on this machine, on one card
// at most. A first start on a card is left off when ctx ends.
func (a *app) backend(ctx context.Context, name string, spec *dsl.Spec) (engine.Backend, error) {
	name, cards, err := a.cards(name)
	if err != nil {
		return nil, err
	}
	if len(cards) > 1 {
		return nil, exit(exitUsage, fmt.Errorf("--device: this verb runs on one card, have %d: name one, such as gpu:%d", len(cards), cards[0]))
	}
	if name == "auto" {
		if name = "cpu"; gpu.Available() == nil && load.Check(false) == nil {
			name = "gpu"
		}
	}
	switch name {
	case "cpu":
		if _, err := kernel.ISA(); err != nil {
			return nil, exit(exitUsage, err)
		}
		m := thisMachine()
		if len(m.Limits) > 0 {
			fmt.Fprintln(a.err, strings.Join(m.Limits, "; "))
		}
		report := func(line string) { fmt.Fprintln(a.err, line) }
		return cpu.Backend{Workers: m.CPUs, Free: m.MemoryFree, Report: report}, fits(spec, m)
	case "ref":
		return ref.Backend{}, nil
	case "gpu":
		if err := gpu.Available(); err != nil {
			return nil, exit(exitUsage, fmt.Errorf("--device gpu: %w", err))
		}
		// An old library would fail later, at some layer.
		if err := load.Check(false); err != nil {
			return nil, exit(exitUsage, fmt.Errorf("--device gpu: %w", err))
		}
		b := gpu.Backend{Tune: os.Getenv("SHAKE_AUTOTUNE") != "0", Report: func(line string) { fmt.Fprintln(a.err, line) }, Stop: func() bool { return ctx.Err() != nil }}
		if len(cards) > 0 {
			b.Card = cards[0]
		}
		return b, nil
	}
	return nil, exit(exitUsage, fmt.Errorf("--device %s: unknown; want auto, cpu, gpu, gpu:0 and so on, or ref", name))
}

// fits refuses a batch whose activations exceed, with the weights, their momentum and gradients,
// the memory of this process: otherwise the system would end the run halfway. A total of 0 is
// unknown.
func fits(spec *dsl.Spec, m machine) error {
	g, err := graph.Build(spec)
	if err != nil {
		return err
	}
	p, err := engine.NewPlan(g, planAlign)
	if err != nil {
		return err
	}
	need := 4 * int64(p.Floats) * int64(spec.Train.Batch)
	for _, q := range g.Params {
		need += 3 * 4 * q.Elements()
	}
	if total := m.MemoryTotal; total > 0 && need > total {
		whose := "the machine has"
		if len(m.Limits) > 0 {
			whose = "this process may have"
		}
		return fmt.Errorf("a batch of %d images needs %s, %s %s: a smaller -o train.batch needs less",
			spec.Train.Batch, report.Bytes(need), whose, report.Bytes(total))
	}
	return nil
}
