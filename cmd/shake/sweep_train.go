package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"shake/dsl"
	"shake/internal/engine/gpu"
	"shake/internal/experiment"
	"shake/internal/report"
)

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
