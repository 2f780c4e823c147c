package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/experiment"
	"shake/nets"
)

// completeSweeps completes the names of the built-in sweeps, and files.
func completeSweeps(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nets.SweepNames(), cobra.ShellCompDirectiveDefault
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
