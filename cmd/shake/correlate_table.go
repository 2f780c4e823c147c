package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"shake/internal/files"
	"shake/internal/report"
)

// layersShown is the number of layers of the paper's Figure 4.
const layersShown = 3

func (a *app) printCorrelations(f correlateFlags, groups []modelGroup) error {
	if f.format == "json" {
		type network struct {
			Title string       `json:"title"`
			Runs  []model      `json:"runs"`
			Pairs []branchPair `json:"pairs"`
			Mean  figures      `json:"mean"` // of the outputs, over all pairs
		}
		out := struct {
			Networks []network   `json:"networks"`
			Differ   *difference `json:"difference,omitempty"`
		}{Differ: differenceOf(groups)}
		for _, g := range groups {
			out.Networks = append(out.Networks, network{g.title, g.models, g.rows(), g.over(outputs)})
		}
		return a.printJSON(out)
	}
	t, what := outputsTable(groups), "outputs"
	if f.layers {
		t, what = layersTable(groups), "layers, means of the runs"
	}
	if f.format != "text" {
		return t.Write(a.out, f.format)
	}
	fmt.Fprintf(a.out, "Correlation of the branches' %s, %s test images\n\n", what, imagesText(groups))
	if err := t.Text(a.out); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	for _, g := range groups {
		for i, m := range g.models {
			fmt.Fprintf(report.PlainWriter(a.out), "%s %d: %s%s\n", g.title, i+1, m.Name, epochsText(m))
		}
	}
	if d := differenceOf(groups); d != nil && !f.layers {
		fmt.Fprintf(report.PlainWriter(a.out), "\n%s less %s, mean over all blocks: %s", d.Of[0], d.Of[1], report.Fixed(*d.Mean, 3))
		if d.P != nil {
			fmt.Fprintf(a.out, ", p = %.3g by Welch's t of Fisher's z", *d.P)
		}
		fmt.Fprintln(a.out)
	}
	return nil
}

// imagesText is the number of test images, or the least and the most of several runs.
func imagesText(groups []modelGroup) string {
	least, most := math.MaxInt, 0
	for _, g := range groups {
		for _, m := range g.models {
			least, most = min(least, m.Images), max(most, m.Images)
		}
	}
	if least == most {
		return report.Count(int64(most))
	}
	return fmt.Sprintf("%s to %s", report.Count(int64(least)), report.Count(int64(most)))
}

func epochsText(m model) string {
	if m.Epochs == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of %d epochs", m.Epochs, m.spec.Train.Epochs)
}

func outputsTable(groups []modelGroup) *report.Table {
	t := &report.Table{Columns: []report.Column{{Title: "draws"}, {Title: "block"}, {Title: "branches"}}}
	most := 0
	for _, g := range groups {
		most = max(most, len(g.models))
	}
	for i := range most {
		t.Columns = append(t.Columns, right(fmt.Sprint(i+1)))
	}
	t.Columns = append(t.Columns, right("mean"), right("95 % from"), right("to"))
	add := func(title, block, branches string, f figures) {
		row := []any{title, block, branches}
		for i := range most {
			var v *float64
			if i < len(f.Runs) {
				v = f.Runs[i]
			}
			row = append(row, threeDecimals(v))
		}
		t.Rows = append(t.Rows, append(row, threeDecimals(f.Mean), threeDecimals(f.Low), threeDecimals(f.High)))
	}
	for _, g := range groups {
		for _, r := range g.rows() {
			add(g.title, r.Block, fmt.Sprintf("%d, %d", r.Branches[0], r.Branches[1]), r.Outputs)
		}
		add(g.title, "mean", "", g.over(outputs))
	}
	return t
}

func layersTable(groups []modelGroup) *report.Table {
	t := &report.Table{Columns: []report.Column{{Title: "draws"}, {Title: "block"}, {Title: "branches"}}}
	for _, name := range layerNames() {
		t.Columns = append(t.Columns, right(name))
	}
	for _, g := range groups {
		for _, r := range g.rows() {
			row := []any{g.title, r.Block, fmt.Sprintf("%d, %d", r.Branches[0], r.Branches[1])}
			for _, v := range r.layerMeans() {
				row = append(row, threeDecimals(v))
			}
			t.Rows = append(t.Rows, row)
		}
		row := []any{g.title, "mean", ""}
		for l := range layersShown {
			for r := range layersShown {
				row = append(row, threeDecimals(g.over(of(l+1, r+1)).Mean))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// threeDecimals is a correlation as tables have it; nil is none.
func threeDecimals(v *float64) any {
	if v == nil {
		return nil
	}
	return report.Fixed(*v, 3)
}

// layerNames are L1R1, L1R2, ... L3R3.
func layerNames() (names []string) {
	for l := range layersShown {
		for r := range layersShown {
			names = append(names, fmt.Sprintf("L%dR%d", l+1, r+1))
		}
	}
	return names
}

// layerMeans are the means over the runs in the order of layerNames; nil where there is none.
func (p *branchPair) layerMeans() []*float64 {
	means := make([]*float64, layersShown*layersShown)
	for _, l := range p.Layers {
		means[(l.Left-1)*layersShown+l.Right-1] = l.Mean
	}
	return means
}

// writeMatrices draws a panel for each experiment into the files of --figure.
func writeMatrices(f correlateFlags, groups []modelGroup) error {
	var m report.Matrix
	for _, g := range groups {
		m.Panels = append(m.Panels, g.cells(f.layers))
	}
	for _, name := range f.figures {
		b, err := m.Encode(strings.TrimPrefix(filepath.Ext(name), "."))
		if err != nil {
			return err
		}
		if err := files.Write(name, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
			return fmt.Errorf("writing the figure: %w", err)
		}
	}
	return nil
}

func (g *modelGroup) cells(layers bool) report.Cells {
	c := report.Cells{Title: g.title, Columns: layerNames(), Label: "layers of the left and of the right branch"}
	if !layers {
		c.Columns, c.Label = nil, "run"
		for i := range g.models {
			c.Columns = append(c.Columns, fmt.Sprintf("%02d", i+1))
		}
		c.Columns = append(c.Columns, "mean")
	}
	for _, r := range g.rows() {
		name := strings.TrimPrefix(r.Block, "stages.")
		if g.models[0].spec.Net.Branches > 2 {
			name += fmt.Sprintf(": %d, %d", r.Branches[0], r.Branches[1])
		}
		c.Rows = append(c.Rows, name)
		figures := r.layerMeans()
		if !layers {
			figures = append(r.Outputs.Runs[:len(r.Outputs.Runs):len(r.Outputs.Runs)], r.Outputs.Mean)
		}
		var values []float64
		for _, v := range figures {
			if v == nil {
				values = append(values, math.NaN())
			} else {
				values = append(values, *v)
			}
		}
		c.Values = append(c.Values, values)
	}
	return c
}
