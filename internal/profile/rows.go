package profile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"shake/internal/engine"
)

// By says which operations make one row.
type By string

// Every operation by itself, all of one shape, of one layer, of one kind.
const (
	ByOperation By = "operation"
	ByShape     By = "shape"
	ByLayer     By = "layer"
	ByKind      By = "kind"
)

// Groupings are all of them.
var Groupings = []By{ByOperation, ByShape, ByLayer, ByKind}

// Row is the cost of some operations of one phase, as means of the timed steps.
type Row struct {
	Name     string       `json:"name"` // of ByOperation: the text that --plan prints
	Kind     string       `json:"kind,omitempty"`
	Layer    string       `json:"layer,omitempty"`
	Shape    string       `json:"shape,omitempty"`
	Phase    engine.Phase `json:"phase"`
	At       *int         `json:"at,omitempty"` // its number in the plan, of ByOperation
	Calls    int          `json:"calls"`        // operations of a step
	Launches int          `json:"launches,omitempty"`
	US       float64      `json:"us"`                 // of a step, as its caller waited for them
	Share    float64      `json:"share"`              // per cent of the step
	BusyUS   float64      `json:"busy_us"`            // of all tracks together
	BusyPart float64      `json:"busy_share"`         // per cent of all tracks' in a step
	GraphUS  float64      `json:"graph_us,omitempty"` // of its kernels inside the graph of a step
	FLOPs    float64      `json:"flops"`              // of a step
	Bytes    float64      `json:"bytes"`              // of a step
	// FLOPS and BytesPerS are a busy track's, so that the roofs of one track bound them.
	FLOPS     float64 `json:"flops_per_s"`
	BytesPerS float64 `json:"bytes_per_s"`
	// Peak is the rate as per cent of the nearer roof; Roof is that roof: "flops" or "memory". 0 and
	// "": there are no figures, or no roofs.
	Peak float64 `json:"peak_percent,omitempty"`
	Roof string  `json:"roof,omitempty"`
}

// Rows are the operations, grouped, the dearest first. Their times and the unexplained rest make a
// whole step.
func (p *Profile) Rows(by By) ([]Row, error) {
	index := map[string]int{}
	var rows []Row
	for i, t := range p.times() {
		o := p.Operations[i]
		r := rowOf(o, by)
		key := fmt.Sprint(r.Phase, "\x00", r.Kind, "\x00", r.Layer, "\x00", r.Name)
		if by == ByOperation {
			key = fmt.Sprint(i)
		}
		at, ok := index[key]
		if !ok {
			at = len(rows)
			index[key] = at
			rows = append(rows, r)
		}
		rows[at].add(o, t)
		if i < len(p.InGraph) {
			rows[at].GraphUS += micros(p.InGraph[i])
		}
	}
	if !slices.Contains(Groupings, by) {
		return nil, fmt.Errorf("profile: no grouping %q", by)
	}
	for i := range rows {
		p.rates(&rows[i])
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(b.US, a.US) })
	return rows, nil
}

// cost is an operation's mean time in a step, its caller's and its tracks'.
type cost struct{ took, busy time.Duration }

// times are the costs of the operations.
func (p *Profile) times() []cost {
	out := make([]cost, len(p.Operations))
	for _, t := range p.Traces {
		for _, o := range t.Ops {
			out[o.Op].took += o.End - o.Start
			out[o.Op].busy += o.Busy
		}
	}
	for i := range out {
		out[i].took /= time.Duration(max(len(p.Traces), 1))
		out[i].busy /= time.Duration(max(len(p.Traces), 1))
		if i < len(p.Alone) && p.Alone[i] > 0 && out[i].took > 0 {
			out[i].busy = p.Alone[i]
		}
	}
	return out
}

// rowOf is the row of an operation, still without figures.
func rowOf(o engine.Operation, by By) Row {
	r := Row{Phase: o.Phase, Kind: o.Kind, Layer: o.Layer, Shape: o.Shape}
	switch by {
	case ByShape:
		r.Layer, r.Name = "", o.Kind
		if o.Shape != "" {
			r.Name += " " + o.Shape
		}
	case ByLayer:
		r.Kind, r.Shape, r.Name = "", "", cmp.Or(o.Layer, "no layer")
	case ByKind:
		r.Layer, r.Shape, r.Name = "", "", o.Kind
	default:
		r.Name = o.Text
		if o.At != engine.None {
			r.At = &o.At
		}
	}
	return r
}

func (r *Row) add(o engine.Operation, c cost) {
	r.Calls++
	r.Launches += o.Launches
	r.US += micros(c.took)
	r.BusyUS += micros(c.busy)
	r.FLOPs += o.FLOPs
	r.Bytes += o.Bytes
}

// busy is all tracks' time in a step.
func (p *Profile) busy() (sum time.Duration) {
	for _, t := range p.times() {
		sum += t.busy
	}
	return sum
}

// rates fills in the figures that follow from a row's sums.
func (p *Profile) rates(r *Row) {
	if whole := p.Step(); whole > 0 {
		r.Share = 100 * r.US / micros(whole)
	}
	if r.BusyUS == 0 {
		return
	}
	r.BusyPart = 100 * r.BusyUS / micros(p.busy())
	r.FLOPS, r.BytesPerS = r.FLOPs/r.BusyUS*1e6, r.Bytes/r.BusyUS*1e6
	r.Peak, r.Roof = p.Roofs.share(r.FLOPs, r.Bytes, r.BusyUS/1e6)
}

// share is the nearer roof's part of a rate, in per cent, and its name.
func (f Roofs) share(flops, bytes, seconds float64) (percent float64, roof string) {
	if f.FLOPS > 0 && flops > 0 {
		percent, roof = 100*flops/f.FLOPS/seconds, "flops"
	}
	if f.Memory > 0 && bytes > 0 {
		if m := 100 * bytes / f.Memory / seconds; m > percent {
			percent, roof = m, "memory"
		}
	}
	return percent, roof
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
