package experiment

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"shake/dsl"
	"shake/internal/train"
	"shake/nets"
)

// Outcome is the result of a row: its runs, and the paper's figures for it.
type Outcome struct {
	Row      *dsl.Row
	Runs     []Run
	Statuses []Status
	Errors   []float64 // test errors of the last epochs of finished runs, per cent
	// Recipe lists the differences between the row's experiment and the published one:
	// "train.epochs: 1800, now 30".
	Recipe []string
}

// Count is the number of runs in a state.
func (o *Outcome) Count(s State) int {
	n := 0
	for _, t := range o.Statuses {
		if t.State == s {
			n++
		}
	}
	return n
}

// Outcomes reads the results of a sweep's runs in the directory path: for the sweep's seeds, and
// for other seeds that were trained there.
func Outcomes(path string, s *dsl.Sweep) ([]Outcome, error) {
	published := map[string]*dsl.Row{}
	if b, err := nets.LoadSweep(s.Name); err == nil && slices.Contains(nets.SweepNames(), s.Name) {
		for i := range b.Rows {
			published[b.Rows[i].Name] = &b.Rows[i]
		}
	}
	var out []Outcome
	for i := range s.Rows {
		o := Outcome{Row: &s.Rows[i]}
		seeds := slices.Clone(o.Row.Seeds)
		for _, seed := range trained(filepath.Join(path, o.Row.Name)) {
			if !slices.Contains(seeds, seed) {
				seeds = append(seeds, seed)
			}
		}
		for _, seed := range seeds {
			run := Run{Row: o.Row, Seed: seed, Dir: runDir(path, o.Row, seed)}
			status := Look(run)
			o.Runs, o.Statuses = append(o.Runs, run), append(o.Statuses, status)
			if status.State == Finished && !math.IsNaN(status.TestError) {
				o.Errors = append(o.Errors, status.TestError)
			}
		}
		if p := published[o.Row.Name]; p != nil {
			diff, err := train.Differences(named(p).TOML(), named(o.Row))
			if err != nil {
				return nil, fmt.Errorf("row %s: %w", o.Row.Name, err)
			}
			o.Recipe = slices.DeleteFunc(diff, func(d string) bool { return strings.HasPrefix(d, "seed:") })
			if m := o.Row.Spec.Train.MaxSteps; m > 0 {
				o.Recipe = append(o.Recipe, fmt.Sprintf("train.max_steps: 0, now %d", m))
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// trained lists the seeds of a row's directory, in order.
func trained(row string) (seeds []uint64) {
	entries, _ := os.ReadDir(row)
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "seed-")
		if seed, err := strconv.ParseUint(digits, 10, 64); ok && err == nil && e.IsDir() && e.Name() == fmt.Sprintf("seed-%d", seed) {
			seeds = append(seeds, seed)
		}
	}
	slices.Sort(seeds)
	return seeds
}
