package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shake/internal/report"
	"shake/internal/train"
	"shake/nets"
)

// runInfo is a run directory as "shake runs" and "shake report" list it.
type runInfo struct {
	Dir        string    `json:"dir"`
	Network    string    `json:"network"`
	Label      string    `json:"label"` // "" if its network cannot be read
	Seed       uint64    `json:"seed"`
	Epochs     int       `json:"epochs"`
	Of         int       `json:"of"` // epochs that the network has
	State      string    `json:"state"`
	TrainError *float64  `json:"train_error"`
	TestError  *float64  `json:"test_error"`
	Paper      *float64  `json:"paper"`
	Device     string    `json:"device"`
	Started    time.Time `json:"started"`
	Updated    time.Time `json:"updated"`
	Problem    string    `json:"problem,omitempty"`
}

func (a *app) runsCmd() *cobra.Command {
	var by, format string
	orders := []string{"name", "error", "date", "state"}
	c := &cobra.Command{
		Use:   "runs [FOLDER]",
		Short: "List the run directories below a folder",
		Long:  "runs lists every run directory below a folder (default runs): network, draws, epochs, error, state and date.",
		Example: `  shake runs
  shake runs experiments --sort error
  shake runs --format csv > runs.csv`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return takes("one FOLDER at most")(c, args)
			}
			return given(c, "sort", "format")
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(orders, by) {
				return exit(exitUsage, fmt.Errorf("--sort %s: want %s", by, strings.Join(orders, ", ")))
			}
			if err := checkFormat(c, &format); err != nil {
				return err
			}
			folder := "runs"
			if len(args) > 0 {
				folder = args[0]
			}
			dirs, err := findRuns(folder)
			if err != nil {
				return err
			}
			var infos []runInfo
			for _, d := range dirs {
				infos = append(infos, a.readRun(d))
			}
			sortRuns(infos, by)
			return a.printRuns(infos, format)
		},
	}
	c.Flags().StringVar(&by, "sort", "name", "`order`: "+strings.Join(orders, ", "))
	addFormat(c, &format)
	return c
}

// findRuns lists the folders in and below a folder that have a run's config.toml and run.json. It
// does not look into runs.
func findRuns(folder string) (dirs []string, err error) {
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if path == folder {
				return err
			}
			return nil // a folder without permission to enter holds no run of this user's
		}
		if !e.IsDir() {
			return nil
		}
		_, config := os.Stat(filepath.Join(path, train.ConfigFile))
		_, record := os.Stat(filepath.Join(path, train.RecordFile))
		if config == nil && record == nil {
			dirs = append(dirs, path)
			return fs.SkipDir
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = exit(exitUsage, fmt.Errorf("%s: no such folder; shake runs FOLDER looks below another", folder))
	}
	return dirs, err
}

// readRun reads a run directory. A fault of the directory is its Problem.
func (a *app) readRun(dir string) runInfo {
	r := runInfo{Dir: dir, State: "damaged"}
	rec, err := train.ReadRecord(dir)
	if err != nil {
		r.Problem = err.Error()
		return r
	}
	r.Network, r.Seed, r.Epochs, r.State, r.Device, r.Started, r.Updated = rec.Name, rec.Seed, rec.Epochs, string(rec.Status), rec.Device, rec.Started, rec.Updated
	epochs, err := train.ReadEpochs(dir, rec)
	if err != nil {
		r.State, r.Problem = "damaged", err.Error()
	}
	if n := len(epochs); n > 0 {
		last := epochs[n-1]
		if r.TrainError = finite(last.TrainError); last.TestImages > 0 {
			r.TestError = finite(last.TestError)
		}
	}
	spec, err := new(netFlags).readConfig(dir)
	if err != nil {
		r.Problem = err.Error()
		return r
	}
	r.Label, r.Of = spec.Shake.Label(), spec.Train.Epochs
	if row, ok := nets.Published(spec); ok && row.Error > 0 {
		r.Paper = &row.Error
	}
	return r
}

func sortRuns(infos []runInfo, by string) {
	last := math.Inf(1)
	errorOf := func(r runInfo) float64 {
		if r.TestError == nil {
			return last
		}
		return *r.TestError
	}
	slices.SortStableFunc(infos, func(x, y runInfo) int {
		switch by {
		case "error":
			return cmp.Compare(errorOf(x), errorOf(y))
		case "date":
			return y.Updated.Compare(x.Updated)
		case "state":
			return cmp.Compare(x.State, y.State)
		}
		return cmp.Compare(x.Dir, y.Dir)
	})
}

func (a *app) printRuns(infos []runInfo, format string) error {
	if format == "json" {
		if infos == nil {
			infos = []runInfo{}
		}
		return a.printJSON(infos)
	}
	t := report.Table{Columns: []report.Column{{Title: "directory"}, {Title: "network"}, {Title: "draws"}, right("seed"), right("epochs"), {Title: "state"},
		right("train error"), right("test error"), right("paper"), {Title: "updated"}}}
	for _, r := range infos {
		date := ""
		if !r.Updated.IsZero() {
			date = r.Updated.Format("2006-01-02 15:04")
		}
		state := r.State
		if r.Problem != "" {
			state += ": " + r.Problem
		}
		t.Rows = append(t.Rows, []any{r.Dir, r.Network, r.Label, r.Seed, fmt.Sprintf("%d/%d", r.Epochs, r.Of), state,
			shown(r.TrainError, "%.2f"), shown(r.TestError, "%.2f"), shown(r.Paper, "%.2f"), date})
	}
	return t.Write(a.out, format)
}

// reportRuns lists run directories, and draws them if none is damaged.
func (a *app) reportRuns(f reportFlags, dirs []string) error {
	var infos []runInfo
	var problems []error
	panel := report.Panel{}
	for _, d := range dirs {
		if _, err := new(netFlags).readConfig(d); err != nil {
			return err
		}
		info := a.readRun(d)
		infos = append(infos, info)
		if info.Problem != "" {
			problems = append(problems, errors.New(info.Problem))
			continue
		}
		points, lr, err := curve(d)
		if err != nil {
			return err
		}
		panel.Courses = append(panel.Courses, report.Course{Name: d, Runs: [][]report.Point{points}, LR: lr})
	}
	if len(f.figures) > 0 && problems == nil {
		if err := writeFigures(f.figures, report.Overlay{Panels: []report.Panel{panel}, LR: f.lr}); err != nil {
			return err
		}
	}
	if err := a.printRuns(infos, f.format); err != nil {
		return err
	}
	return exit(exitCorrupt, errors.Join(problems...))
}
