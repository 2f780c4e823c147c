package main

import (
	"math"
	"strings"

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
