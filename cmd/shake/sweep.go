package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/experiment"
	"shake/internal/launch"
	"shake/nets"
)

// sweepFlags are the flags of "shake sweep".
type sweepFlags struct {
	net                     netFlags
	out, rows, seeds, shard string
	device, data            string
	epochs, jobs            int
	dryRun, asJSON          bool
}

func (a *app) sweepCmd() *cobra.Command {
	var f sweepFlags
	c := &cobra.Command{
		Use:   "sweep SWEEP",
		Short: "Train a table of experiments, each with several seeds",
		Long: `sweep trains every row of a sweep once for every seed. SWEEP is a TOML file or built in: ` + strings.Join(nets.SweepNames(), ", ") + `.

The directory is the whole state: a run directory for each row and seed. The same command
goes on where it was stopped, resumes what is half done, and repeats nothing. A row that
fails or diverges does not stop the others. In a SLURM array or an indexed job of Kubernetes
each task takes its own part.`,
		Example: `  shake sweep table1 --dry-run
  shake sweep small --data path/to/cifar
  shake sweep table1 --epochs 30 --rows '32d-*' --seeds 1,2
  shake sweep table5 --jobs 2 --shard 1/4`,
		Args: func(c *cobra.Command, args []string) error {
			return cmp.Or(given(c, "out", "rows", "seeds", "shard"), takes("SWEEP")(c, args))
		},
		ValidArgsFunction: completeSweeps,
		RunE:              func(_ *cobra.Command, args []string) error { return a.sweep(f, args[0]) },
	}
	f.net.add(c)
	addDevice(c, &f.device)
	addData(c, &f.data)
	c.Flags().StringVar(&f.out, "out", "", "`directory` of the sweep (default runs/NAME)")
	c.Flags().StringVar(&f.rows, "rows", "", "only the rows that match one of these `patterns`, such as '32d-*,96d-s-s-i'")
	c.Flags().StringVar(&f.seeds, "seeds", "", "these `seeds`, such as 1,2,3, instead of the rows' own")
	c.Flags().IntVar(&f.epochs, "epochs", 0, "train every row for so many epochs")
	c.Flags().IntVar(&f.jobs, "jobs", 1, "runs at once: each on a card of its own, or on its share of the cores")
	c.Flags().StringVar(&f.shard, "shard", "", "only part `I/N` of the runs (default: by SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, else all)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would run, and how long it takes at the speed measured here")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print the runs as JSON")
	return c
}

func (a *app) sweep(f sweepFlags, name string) error {
	if place, err := launch.Find(); err != nil {
		return exit(exitUsage, err)
	} else if place != nil {
		return exit(exitUsage, fmt.Errorf("sweep: %s made %d processes, which train one run together: start sweep once, or as the tasks of an array", place.Launcher, place.World))
	}
	s, err := f.load(name)
	if err != nil {
		return err
	}
	shard, from, err := f.part()
	if err != nil {
		return err
	}
	keep, err := f.keep(s)
	if err != nil {
		return err
	}
	chosen, err := f.chosen(s)
	if err != nil {
		return err
	}
	if f.jobs < 1 || f.jobs > 1024 {
		return exit(exitUsage, fmt.Errorf("--jobs %d: want 1 to 1024", f.jobs))
	}
	dir := f.out
	if dir == "" {
		dir = filepath.Join("runs", s.Name)
	}
	runs := experiment.Plan(dir, chosen, shard, keep)
	if f.dryRun {
		return a.dryRun(f, runs)
	}
	return a.trainIn(f, dir, s, shard, from, runs)
}

// seeds trains one network with several seeds: a sweep of one row.
func (a *app) seeds(r runFlags, name string) error {
	seeds, err := parseSeeds(r.seeds)
	if err != nil {
		return exit(exitUsage, fmt.Errorf("--seeds %w", err))
	}
	spec, _, err := r.net.load(name)
	if err != nil {
		return err
	}
	s := &dsl.Sweep{Name: spec.Name, Title: spec.Name, Rows: []dsl.Row{{Name: spec.Name, Model: spec.Name, Net: name, Seeds: seeds, Spec: spec}}}
	if row, ok := nets.Published(spec); ok {
		s.Rows[0].Paper, s.Rows[0].Runs, s.Rows[0].Diverges = row.Error, row.Runs, row.Diverges
	}
	dir := r.out
	if dir == "" {
		dir = filepath.Join("runs", spec.Name+"-seeds")
	}
	f := sweepFlags{device: r.device, data: r.data, jobs: 1, asJSON: r.asJSON}
	return a.trainIn(f, dir, s, experiment.Whole, "", experiment.Plan(dir, s, experiment.Whole, func(string) bool { return true }))
}
