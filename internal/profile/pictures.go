package profile

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"shake/internal/engine"
	"shake/internal/report"
)

// labelled is the most operations that a roofline names: the dearest ones that lie apart.
const labelled = 8

// Roofline draws every operation that has FLOPs and bytes as a dot, in the format "svg" or "png".
func (p *Profile) Roofline(format string) ([]byte, error) {
	if p.Roofs.FLOPS == 0 {
		return nil, fmt.Errorf("profile: %s: no roof was measured", p.Device)
	}
	rows, err := p.Rows(ByOperation)
	if err != nil {
		return nil, err
	}
	r := report.Roofline{Title: fmt.Sprintf("%s, batch %d, one of %s (%s)", p.Network, p.Batch, report.Plural(len(p.Tracks), p.noun()), p.Detail), Peak: p.Roofs.FLOPS, Groups: groupNames()}
	if p.Roofs.Memory > 0 {
		r.Roofs = append(r.Roofs, report.Roof{Name: "memory", BytesPerS: p.Roofs.Memory})
	}
	if p.Roofs.Cache > 0 {
		r.Roofs = append(r.Roofs, report.Roof{Name: "near cache", BytesPerS: p.Roofs.Cache})
	}
	for _, row := range rows {
		if row.FLOPS == 0 || row.Bytes == 0 {
			continue
		}
		r.Dots = append(r.Dots, report.Dot{Group: groupOf(row.Kind), FLOPs: row.FLOPs, Bytes: row.Bytes, FLOPS: row.FLOPS, Share: row.BusyPart})
		if row.At != nil {
			label(r.Dots, fmt.Sprint(*row.At))
		}
	}
	return r.Encode(format)
}

// label names the last dot, unless enough are named or one close by is.
func label(dots []report.Dot, name string) {
	last := &dots[len(dots)-1]
	place := func(d report.Dot) (x, y float64) { return math.Log10(d.FLOPs / d.Bytes), math.Log10(d.FLOPS) }
	x, y := place(*last)
	named := 0
	for _, d := range dots[:len(dots)-1] {
		if d.Label == "" {
			continue
		}
		named++
		if u, v := place(d); math.Abs(u-x) < .15 && math.Abs(v-y) < .1 {
			return
		}
	}
	if named < labelled {
		last.Label = name
	}
}

// Timeline draws the timed step whose length is the median, in the format "svg" or "png": the
// operations as their caller waited for them, and the work of every track.
func (p *Profile) Timeline(format string) ([]byte, error) {
	if len(p.Traces) == 0 {
		return nil, fmt.Errorf("profile: no step was timed")
	}
	order := slices.Clone(p.Traces)
	slices.SortFunc(order, func(a, b engine.Trace) int { return int((a.End - a.Start) - (b.End - b.Start)) })
	tr := order[(len(order)-1)/2]
	bar := func(t engine.Timed) report.Bar {
		return report.Bar{Group: groupOf(p.Operations[t.Op].Kind), Start: micros(t.Start-tr.Start) / 1e3, End: micros(t.End-tr.Start) / 1e3}
	}
	t := report.Timeline{Title: fmt.Sprintf("a step of %s, batch %d, on %s (%s)", p.Network, p.Batch, p.Device, p.Detail), Groups: groupNames()}
	lanes := make([]report.Lane, 1+len(p.Tracks))
	lanes[0].Name = "operations"
	for i, name := range p.Tracks {
		lanes[1+i].Name = name
	}
	for _, o := range tr.Ops {
		lanes[0].Bars = append(lanes[0].Bars, bar(o))
	}
	for _, w := range tr.Work {
		lanes[1+w.Track].Bars = append(lanes[1+w.Track].Bars, bar(w))
	}
	if p.Exchange() != nil {
		alone := report.Lane{Name: notHidden}
		for _, w := range p.exposed(tr) {
			alone.Bars = append(alone.Bars, bar(w))
		}
		lanes = append(lanes, alone)
	}
	t.Lanes = lanes
	return t.Encode(format)
}

// groups are the colours of pictures, of which there are eight, and the kinds of operations of
// each. Other kinds are of the last.
var groups = []struct{ name, kinds string }{
	{"convolutions", "conv"},
	{"convolutions backward", "conv' dgrad"},
	{"weight gradients", "wgrad"},
	{"norms", "norm norm' stats sums"},
	{"head", "head headgrad tally"},
	{"images and draws", "augment draw"},
	{"SGD, packing, exchange", "sgd pack unpack finite rescale zero allreduce"},
	{"joins and gradients", ""},
}

// groupNames are the names of groups.
func groupNames() []string {
	var out []string
	for _, g := range groups {
		out = append(out, g.name)
	}
	return out
}

// groupOf is the group of a kind of operation.
func groupOf(kind string) int {
	for i, g := range groups {
		if slices.Contains(strings.Fields(g.kinds), kind) {
			return i
		}
	}
	return len(groups) - 1
}
