package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"shake/internal/files"
	"shake/internal/graph"
	"shake/internal/report"
	"shake/internal/train"
)

// modelGroup is the runs of one experiment: their networks differ in name and seed alone.
type modelGroup struct {
	title  string
	models []model
	pairs  []graph.Pair
	blocks []string // of the pairs
}

// groupModels puts the runs of one experiment together, in the order of their first ones.
func groupModels(models []model) (groups []modelGroup) {
	for _, m := range models {
		into := -1
		for i := range groups {
			if sameExperiment(groups[i].models[0], m) {
				into = i
			}
		}
		if into < 0 {
			g := modelGroup{title: m.spec.Shake.Label()}
			for _, c := range m.correlations {
				g.pairs, g.blocks = append(g.pairs, c.Pair), append(g.blocks, c.Name)
			}
			groups, into = append(groups, g), len(groups)
		}
		groups[into].models = append(groups[into].models, m)
	}
	counts := map[string]int{}
	for _, g := range groups {
		counts[g.title]++
	}
	for i := range groups {
		if g := &groups[i]; counts[g.title] > 1 {
			g.title += ", " + g.models[0].spec.Name
		}
	}
	return groups
}

func sameExperiment(a, b model) bool {
	diff, err := train.Differences(a.spec.TOML(), b.spec)
	for _, d := range diff {
		if key, _, _ := strings.Cut(d, ":"); key != "name" && key != "seed" {
			return false
		}
	}
	return err == nil
}

// figures are correlations, run by run, with their mean and its interval of 95 %.
type figures struct {
	Runs []*float64 `json:"runs"` // null: a branch does not vary
	Mean *float64   `json:"mean"`
	Low  *float64   `json:"low"` // null for a single run
	High *float64   `json:"high"`
}

func figuresOf(values []float64) (f figures) {
	for _, v := range values {
		f.Runs = append(f.Runs, finite(v))
	}
	mean, low, high := report.MeanCorrelation(values)
	f.Mean, f.Low, f.High = finite(mean), finite(low), finite(high)
	return f
}

// at are the figures of pair i.
func (g *modelGroup) at(i int) figures {
	var values []float64
	for _, m := range g.models {
		values = append(values, m.correlations[i].Moments.Correlation())
	}
	return figuresOf(values)
}

// over are the figures of the mean over all pairs for which pick is true.
func (g *modelGroup) over(pick func(graph.Pair) bool) figures {
	var values []float64
	for _, m := range g.models {
		var all []float64
		for i, p := range g.pairs {
			if c := m.correlations[i].Moments.Correlation(); pick(p) && !math.IsNaN(c) {
				all = append(all, c)
			}
		}
		mean, _ := report.MeanDeviation(all)
		values = append(values, mean)
	}
	return figuresOf(values)
}

// difference compares two experiments by the means of their outputs' correlations over all pairs.
type difference struct {
	Of   [2]string `json:"of"`
	Mean *float64  `json:"mean"` // of the first, less that of the second
	P    *float64  `json:"p"`    // Welch's t of Fisher's z; null for fewer than two runs each
}

// differenceOf is nil unless there are two experiments.
func differenceOf(groups []modelGroup) *difference {
	if len(groups) != 2 {
		return nil
	}
	d := &difference{Of: [2]string{groups[0].title, groups[1].title}}
	var z [2][]float64
	var means [2]float64
	for i := range groups {
		f := groups[i].over(outputs)
		if f.Mean == nil {
			return nil
		}
		means[i] = *f.Mean
		for _, r := range f.Runs {
			z[i] = append(z[i], math.Atanh(*r)) // no run is missing where there is a mean
		}
	}
	_, _, p := report.Welch(z[0], z[1])
	d.Mean, d.P = finite(means[0]-means[1]), finite(p)
	return d
}

// branchPair is a block with two of its branches: a row of both tables.
type branchPair struct {
	Block    string        `json:"block"`
	Branches [2]int        `json:"branches"`
	Outputs  figures       `json:"outputs"`
	Layers   []layerFigure `json:"layers"`
}

// layerFigure is a layer of the left branch with one of the right; layers count from 1.
type layerFigure struct {
	Left  int `json:"left"`
	Right int `json:"right"`
	figures
}

func (g *modelGroup) rows() (rows []branchPair) {
	for i, p := range g.pairs {
		if p.LeftLayer == 0 {
			rows = append(rows, branchPair{Block: g.blocks[i], Branches: [2]int{p.Left, p.Right}, Outputs: g.at(i)})
			continue
		}
		r := &rows[len(rows)-1]
		r.Layers = append(r.Layers, layerFigure{p.LeftLayer, p.RightLayer, g.at(i)})
	}
	return rows
}

// outputs are pairs of outputs.
func outputs(p graph.Pair) bool { return p.LeftLayer == 0 }

// of are pairs of two layers.
func of(left, right int) func(graph.Pair) bool {
	return func(p graph.Pair) bool { return p.LeftLayer == left && p.RightLayer == right }
}

// layersShown is the number of layers of the paper's Figure 4.
const layersShown = 3

func (a *app) printCorrelations(f correlateFlags, groups []modelGroup, images int) error {
	if f.format == "json" {
		type network struct {
			Title string       `json:"title"`
			Runs  []model      `json:"runs"`
			Pairs []branchPair `json:"pairs"`
			Mean  figures      `json:"mean"` // of the outputs, over all pairs
		}
		out := struct {
			Images   int         `json:"test_images"`
			Networks []network   `json:"networks"`
			Differ   *difference `json:"difference,omitempty"`
		}{Images: images, Differ: differenceOf(groups)}
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
	fmt.Fprintf(a.out, "Correlation of the branches' %s, %s test images\n\n", what, report.Count(int64(images)))
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
