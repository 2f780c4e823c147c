package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"shake/dsl"
	"shake/internal/report"
)

// citedRow is a figure of another method.
type citedRow struct {
	Model string  `json:"model"`
	Error float64 `json:"error"`
	Data  string  `json:"data"`
}

func citedRows(s *dsl.Sweep) (rows []citedRow) {
	for _, c := range s.Cited {
		rows = append(rows, citedRow(c))
	}
	return rows
}

// modelText is the row's model with the range of its draws.
func (r *reportRow) modelText() string {
	if r.Range == nil {
		return r.Model
	}
	return fmt.Sprintf("%s, a in [%g, %g)", r.Model, r.Range[0], r.Range[1])
}

// experiment is the text of a row in front of its figures. Rows with one text are told apart by
// their names.
func (r *reportRow) experiment() string {
	return strings.Join([]string{r.modelText(), r.Forward, r.Backward, r.Level}, "\n")
}

// printReport prints the table, and below it the rows with other recipes and their differences.
func (a *app) printReport(f reportFlags, s *dsl.Sweep, rows []reportRow) error {
	other := "paper"
	if f.against != "" {
		other = filepath.Base(f.against)
	}
	t := report.Table{Columns: []report.Column{
		{Title: "model"}, {Title: "forward"}, {Title: "backward"}, {Title: "level"}, right("runs"), right("error, %"), right("deviation"),
		right(other), right("of runs"), right("difference"), right("p"), {Title: "verdict"},
	}}
	alike := map[string]int{}
	for _, r := range rows {
		alike[r.experiment()]++
	}
	for _, r := range rows {
		model := r.modelText()
		if alike[r.experiment()] > 1 {
			model += ", " + r.Row
		}
		t.Rows = append(t.Rows, []any{model, r.Forward, r.Backward, r.Level, fmt.Sprintf("%d/%d", r.Finished, r.Runs), shown(r.Mean, "%.2f"), shown(r.Deviation, "%.2f"),
			shown(r.Paper, "%.2f"), blank(r.PaperRuns), shown(r.Difference, "%+.2f"), shown(r.P, "%.3f"), r.Verdict})
	}
	for _, c := range s.Cited {
		t.Rows = append(t.Rows, []any{c.Model + ", " + c.Data, "", "", "", "", "", "", fmt.Sprintf("%.2f", c.Error), "", "", "", "cited"})
	}
	text := f.format == "text"
	if text {
		fmt.Fprintf(a.out, "%s\n\n", s.Title)
	}
	if err := t.Write(a.out, f.format); err != nil || !text {
		return err
	}
	return printRecipes(a.out, rows)
}

// printRecipes prints each set of differences once, with the rows that have it.
func printRecipes(w io.Writer, rows []reportRow) error {
	by := map[string][]string{}
	var order []string
	for _, r := range rows {
		if len(r.Recipe) == 0 {
			continue
		}
		key := strings.Join(r.Recipe, "\n  ")
		if by[key] == nil {
			order = append(order, key)
		}
		by[key] = append(by[key], r.Row)
	}
	for _, key := range order {
		who := strings.Join(by[key], ", ")
		if len(by[key]) == len(rows) {
			who = "all rows"
		}
		if _, err := fmt.Fprintf(w, "\nNot the paper's recipe, %s:\n  %s\n", who, key); err != nil {
			return err
		}
	}
	return nil
}

func shown(x *float64, verb string) any {
	if x == nil || math.IsNaN(*x) {
		return nil
	}
	return fmt.Sprintf(verb, *x)
}

func blank(n int) any {
	if n == 0 {
		return nil
	}
	return n
}
