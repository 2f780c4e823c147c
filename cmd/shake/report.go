package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/experiment"
	"shake/internal/files"
	"shake/internal/report"
)

// reportFlags are the flags of "shake report".
type reportFlags struct {
	format, against string
	figures         []string
	lr              bool
}

func (a *app) reportCmd() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report SWEEP | report RUN...",
		Short: "Set results beside the paper's, as tables and curves",
		Long: `report prints the table of a sweep's directory: the mean of each row's finished runs, the
paper's figure, their difference, and whether it is within the spread of the runs (Student's
t of our runs against the paper's mean, 5 %). Rows that are not trained to their end, that
diverged, or whose recipe is not the paper's are marked and never mixed with the others.

With run directories it lists those. --figure draws training curves (dark) and test curves
(light), one panel a model, with the mean and the spread of the runs.`,
		Example: `  shake report runs/table1
  shake report runs/table1 --format latex > table1.tex
  shake report runs/figure2 --figure figure2.svg --lr
  shake report runs/quick runs/quick-2 --figure both.png
  shake report runs/small --against runs/small-pytorch`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return takes("SWEEP or RUN...")(c, args)
			}
			return given(c, "format", "against", "figure")
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(c, &f.format); err != nil {
				return err
			}
			if err := checkFigures(f.figures); err != nil {
				return err
			}
			return a.report(f, args)
		},
	}
	addFormat(c, &f.format)
	c.Flags().StringArrayVar(&f.figures, "figure", nil, "draw the curves into this `file`, .svg or .png; may be repeated")
	c.Flags().BoolVar(&f.lr, "lr", false, "with --figure: a thin line of the learning rate")
	c.Flags().StringVar(&f.against, "against", "", "compare with the rows of the same names in this sweep's `directory`, by Welch's t, instead of the paper")
	return c
}

func (a *app) report(f reportFlags, args []string) error {
	s, err := experiment.Read(args[0])
	if err != nil && (!as[*experiment.NoSweep](err) || f.against != "") {
		return err
	}
	if s == nil {
		return a.reportRuns(f, args)
	}
	if len(args) > 1 {
		return exit(exitUsage, fmt.Errorf("report: %s is a sweep's directory: want it alone, or run directories", args[0]))
	}
	outcomes, err := experiment.Outcomes(args[0], s)
	if err != nil {
		return err
	}
	var others []experiment.Outcome
	if f.against != "" {
		o, err := experiment.Read(f.against)
		if err != nil {
			return err
		}
		if others, err = experiment.Outcomes(f.against, o); err != nil {
			return err
		}
	}
	for _, o := range slices.Concat(outcomes, others) {
		for i, s := range o.Statuses {
			if s.State == experiment.Damaged {
				fmt.Fprintf(report.PlainWriter(a.err), "%s is damaged and left out: %s\n", o.Runs[i].Dir, s.Note)
			}
		}
	}
	if err := drawOutcomes(f, outcomes); err != nil {
		return err
	}
	rows := reportRows(outcomes, others)
	if f.format == "json" {
		return a.printJSON(struct {
			Title string      `json:"title"`
			Table int         `json:"table,omitempty"`
			Rows  []reportRow `json:"rows"`
			Cited []citedRow  `json:"cited,omitempty"`
		}{s.Title, s.Table, rows, citedRows(s)})
	}
	return a.printReport(f, s, rows)
}

// reportRow is a row of a report. Errors are in per cent; unknown values are null in JSON.
type reportRow struct {
	Row      string `json:"row"`
	Model    string `json:"model"`
	Forward  string `json:"forward"`
	Backward string `json:"backward"`
	Level    string `json:"level"`
	// Range is the range of the draws, unless it is [0, 1).
	Range      []float64 `json:"range,omitempty"`
	Runs       int       `json:"runs"` // all
	Finished   int       `json:"finished"`
	Errors     []float64 `json:"errors"` // of the finished runs
	Mean       *float64  `json:"mean"`
	Deviation  *float64  `json:"deviation"`
	Paper      *float64  `json:"paper"` // or the mean of the other sweep
	PaperRuns  int       `json:"paper_runs,omitempty"`
	Difference *float64  `json:"difference"`
	P          *float64  `json:"p"`
	Verdict    string    `json:"verdict"`
	Recipe     []string  `json:"recipe,omitempty"` // the differences from the paper's recipe
}

// significance is the chance below which a difference is called significant.
const significance = 0.05

func reportRows(outcomes, others []experiment.Outcome) []reportRow {
	rows := []reportRow{}
	for i := range outcomes {
		o := &outcomes[i]
		sh := o.Row.Spec.Shake
		forward, backward, level := passes(sh)
		r := reportRow{
			Row: o.Row.Name, Model: o.Row.Model, Forward: forward, Backward: backward, Level: level, Runs: len(o.Runs), Finished: o.Count(experiment.Finished),
			Errors: o.Errors, Recipe: o.Recipe,
		}
		if sh.Range != [2]float64{0, 1} && level != "n/a" {
			r.Range = sh.Range[:]
		}
		mean, dev := report.MeanDeviation(o.Errors)
		r.Mean, r.Deviation = finite(mean), finite(dev)
		r.compare(o, mean, others)
		rows = append(rows, r)
	}
	return rows
}

// passes are the three words of the paper's Table 1.
func passes(s dsl.Shake) (forward, backward, level string) {
	words := map[dsl.Mode]string{dsl.Even: "Even", dsl.Shaken: "Shake", dsl.Keep: "Keep", dsl.M1: "M1", dsl.M2: "M2", dsl.M3: "M3", dsl.M4: "M4", dsl.M5: "M5", dsl.Drop: "Drop"}
	forward, backward, level = words[s.Forward], words[s.Backward], "Image"
	switch {
	case s.Label() == "E-E-B":
		level = "n/a"
	case s.Level == dsl.Batch:
		level = "Batch"
	}
	return forward, backward, level
}

// compare compares the row with the paper's figure, or with another sweep.
func (r *reportRow) compare(o *experiment.Outcome, mean float64, others []experiment.Outcome) {
	diverged := o.Count(experiment.Diverged)
	var p float64
	switch {
	case others != nil:
		i := slices.IndexFunc(others, func(x experiment.Outcome) bool { return x.Row.Name == o.Row.Name })
		if i < 0 || len(others[i].Errors) == 0 {
			r.Verdict = "nothing to compare with"
			return
		}
		theirs, _ := report.MeanDeviation(others[i].Errors)
		r.Paper, r.PaperRuns = &theirs, len(others[i].Errors)
		_, _, p = report.Welch(o.Errors, others[i].Errors)
	case o.Row.Paper > 0:
		r.Paper, r.PaperRuns = &o.Row.Paper, o.Row.Runs
		_, p = report.AgainstMean(o.Errors, o.Row.Paper, o.Row.Runs)
	}
	switch {
	case o.Count(experiment.Damaged) > 0:
		r.Verdict = fmt.Sprintf("%d damaged", o.Count(experiment.Damaged))
		return
	case diverged > 0:
		r.Verdict = fmt.Sprintf("%d of %d diverged", diverged, len(o.Runs))
		if o.Row.Diverges && diverged == len(o.Runs) {
			r.Verdict = "diverged, as published"
		}
		return
	case len(o.Errors) == 0:
		r.Verdict = "not run"
		if o.Count(experiment.Part) > 0 {
			r.Verdict = "begun"
		}
		return
	case o.Row.Diverges && others == nil:
		r.Verdict = "trained; published as diverging"
		return
	}
	if r.Paper != nil {
		r.Difference = finite(mean - *r.Paper)
		r.P = finite(p)
	}
	switch {
	case others == nil && len(o.Recipe) > 0:
		r.Verdict = "another recipe"
		r.Difference, r.P = nil, nil
	case r.Paper == nil:
		r.Verdict = "nothing published"
	case r.P == nil:
		r.Verdict = "too few runs to tell"
	case *r.P >= significance:
		r.Verdict = "within the spread"
	case *r.Difference < 0:
		r.Verdict = "lower"
	default:
		r.Verdict = "higher"
	}
	if r.Finished < r.Runs {
		r.Verdict += fmt.Sprintf(", %d of %d runs", r.Finished, r.Runs)
	}
}

// writeFigures encodes the picture into each file.
func writeFigures(names []string, o report.Overlay) error {
	for _, name := range names {
		b, err := o.Encode(strings.TrimPrefix(filepath.Ext(name), "."))
		if err != nil {
			return err
		}
		if err := files.Write(name, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
			return fmt.Errorf("writing the figure: %w", err)
		}
	}
	return nil
}
