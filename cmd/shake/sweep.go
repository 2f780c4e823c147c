package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/engine/gpu"
	"shake/internal/experiment"
	"shake/internal/report"
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

// completeSweeps completes the names of the built-in sweeps, and files.
func completeSweeps(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nets.SweepNames(), cobra.ShellCompDirectiveDefault
}

func (a *app) sweep(f sweepFlags, name string) error {
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

// trainIn trains runs of a sweep in its directory. First it checks for faults that would fail every
// run.
func (a *app) trainIn(f sweepFlags, dir string, s *dsl.Sweep, shard experiment.Shard, from string, runs []experiment.Run) error {
	slot, err := a.slots(f)
	if err != nil {
		return err
	}
	for _, set := range sets(s) {
		if _, err := loadData(set, f.data); err != nil {
			return err
		}
	}
	d, err := experiment.Open(dir, s, shard)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, notice := range []string{d.Notice, fromWhere(shard, from)} {
		if notice != "" {
			fmt.Fprintln(a.err, notice)
		}
	}
	return a.trainSweep(f, d, runs, slot)
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

// load reads the sweep with the overrides of the command line.
func (f *sweepFlags) load(name string) (*dsl.Sweep, error) {
	over := f.net.overrides
	if f.epochs < 0 {
		return nil, exit(exitUsage, fmt.Errorf("--epochs %d: want at least 1", f.epochs))
	}
	if f.epochs > 0 {
		over = append(over, fmt.Sprintf("train.epochs=%d", f.epochs))
	}
	for _, o := range over {
		if key, _, _ := strings.Cut(o, "="); strings.TrimSpace(key) == "seed" || strings.TrimSpace(key) == "name" {
			return nil, exit(exitUsage, fmt.Errorf("-o %s: a sweep has seeds and names of its own; --seeds says others", o))
		}
	}
	s, err := nets.LoadSweep(name, over...)
	if err != nil {
		return nil, exit(exitSpec, err)
	}
	return s, nil
}

// chosen is the sweep with the seeds of --seeds, for the choice of runs. The directory keeps the
// sweep's own seeds.
func (f *sweepFlags) chosen(s *dsl.Sweep) (*dsl.Sweep, error) {
	if f.seeds == "" {
		return s, nil
	}
	seeds, err := parseSeeds(f.seeds)
	if err != nil {
		return nil, exit(exitUsage, fmt.Errorf("--seeds %w", err))
	}
	c := *s
	c.Rows = slices.Clone(s.Rows)
	for i := range c.Rows {
		c.Rows[i].Seeds = seeds
	}
	return &c, nil
}

// parseSeeds reads "1,2,3".
func parseSeeds(list string) ([]uint64, error) {
	var seeds []uint64
	seen := map[uint64]bool{}
	for _, t := range strings.Split(list, ",") {
		v, err := strconv.ParseUint(strings.TrimSpace(t), 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%s: want whole numbers with commas between them, have %q", list, t)
		}
		if seen[v] {
			return nil, fmt.Errorf("%s: %d stands there twice", list, v)
		}
		seen[v] = true
		seeds = append(seeds, v)
	}
	return seeds, nil
}

// part is the shard of --shard, or of the scheduler.
func (f *sweepFlags) part() (s experiment.Shard, from string, err error) {
	if f.shard != "" {
		s, err = experiment.ParseShard(f.shard)
		if err != nil {
			err = fmt.Errorf("--shard %w", err)
		}
		return s, "--shard", exit(exitUsage, err)
	}
	s, from, err = experiment.ShardOf(os.Getenv)
	return s, from, exit(exitUsage, err)
}

func fromWhere(s experiment.Shard, from string) string {
	if from == "" {
		return ""
	}
	return fmt.Sprintf("shard %v, from %s", s, from)
}

// keep chooses rows by --rows. A pattern that matches no row is a mistake.
func (f *sweepFlags) keep(s *dsl.Sweep) (func(row string) bool, error) {
	if f.rows == "" {
		return func(string) bool { return true }, nil
	}
	kept := map[string]bool{}
	for _, p := range strings.Split(f.rows, ",") {
		any := false
		for _, r := range s.Rows {
			ok, err := path.Match(strings.TrimSpace(p), r.Name)
			if err != nil {
				return nil, exit(exitUsage, fmt.Errorf("--rows %s: %q is no pattern: %w", f.rows, p, err))
			}
			any = any || ok
			kept[r.Name] = kept[r.Name] || ok
		}
		if !any {
			var names []string
			for _, r := range s.Rows {
				names = append(names, r.Name)
			}
			return nil, exit(exitUsage, fmt.Errorf("--rows %s: no row matches %q; the rows are %s", f.rows, p, strings.Join(names, ", ")))
		}
	}
	return func(row string) bool { return kept[row] }, nil
}

// sets is a network for each data set of the sweep.
func sets(s *dsl.Sweep) (specs []*dsl.Spec) {
	seen := map[dsl.Data]bool{}
	for _, r := range s.Rows {
		if !seen[r.Spec.Data] {
			seen[r.Spec.Data] = true
			specs = append(specs, r.Spec)
		}
	}
	return specs
}

// slots gives the resources of the jobs that run at once: one card each in turn, or an equal share
// of the cores.
func (a *app) slots(f sweepFlags) (func(slot int) (overrides, env []string), error) {
	if f.jobs == 1 {
		return nil, nil
	}
	if _, list, listed := strings.Cut(f.device, ":"); listed {
		return nil, exit(exitUsage, fmt.Errorf("--jobs %d: the cards %s of --device train one run together: leave their numbers out, and each job takes a card", f.jobs, list))
	}
	if f.device == "gpu" || f.device == "auto" && gpu.Available() == nil {
		cards, err := cudaCards()
		if err != nil {
			return nil, exit(exitUsage, fmt.Errorf("--jobs %d: %w", f.jobs, err))
		}
		return func(slot int) ([]string, []string) {
			return nil, []string{"CUDA_VISIBLE_DEVICES=" + cards[slot%len(cards)].uuid}
		}, nil
	}
	workers := max(1, runtime.GOMAXPROCS(0)/f.jobs)
	return func(int) ([]string, []string) { return []string{fmt.Sprintf("train.workers=%d", workers)}, nil }, nil
}

// childArgs are the common arguments of all runs.
func (f *sweepFlags) childArgs() []string {
	args := []string{"--device", f.device}
	if f.data != "" {
		args = append(args, "--data", f.data)
	}
	return args
}

// trainSweep trains the runs and reports their ends.
func (a *app) trainSweep(f sweepFlags, d *experiment.Directory, runs []experiment.Run, slot func(int) ([]string, []string)) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	scr := newScreen(a.err)
	v := newSweepView(d, runs)
	ctx := interruptible(func() {
		v.end()
		scr.print("stopping after a checkpoint of every run; Ctrl-C again stops now")
	})
	defer ctx.stop()
	r := experiment.Runner{Program: program, Args: f.childArgs(), Jobs: f.jobs, Slot: slot, Save: ctx.save}
	r.Hear = func(run experiment.Run, p *experiment.Progress, end *experiment.Result) {
		for _, l := range v.hear(run, p, end) {
			scr.print(l)
		}
		scr.show(v.lines)
	}
	results := r.Train(ctx, d, runs)
	stopped := ctx.Err() != nil
	scr.close()
	ctx.stop()
	scr.flush(ctx.heard)
	if f.asJSON {
		err = a.printJSON(runsJSON(runs, results))
	} else {
		t := v.table()
		err = t.Text(a.out)
	}
	if err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return sweepEnd(stopped, runs, results)
}

// sweepEnd is the error of a sweep that did not train all of its runs to their ends. stopped means
// that a signal asked for that.
func sweepEnd(stopped bool, runs []experiment.Run, results []experiment.Result) error {
	over, failed, diverged := 0, []string{}, []string{}
	for i, r := range results {
		switch {
		case r.Err != nil:
			failed = append(failed, fmt.Sprintf("%v: %v", runs[i], r.Err))
		case r.Status.State == experiment.Diverged && !runs[i].Row.Diverges:
			diverged = append(diverged, fmt.Sprintf("%v: diverged %s", runs[i], r.Status.Note))
		}
		if r.Status.State.Over() {
			over++
		}
	}
	all := report.Plural(len(runs), "run")
	switch {
	case len(failed) > 0:
		return fmt.Errorf("%d of %s failed; the same command tries them again\n  %s", len(failed), all, strings.Join(append(failed, diverged...), "\n  "))
	case stopped && over < len(runs):
		return exit(exitInterrupted, fmt.Errorf("stopped: %d of %s are over; the same command goes on", over, all))
	case len(diverged) > 0:
		return exit(exitDiverged, errors.New(strings.Join(diverged, "\n  ")))
	}
	return nil
}
