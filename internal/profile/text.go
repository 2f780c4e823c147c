package profile

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"shake/internal/engine"
	"shake/internal/report"
)

// Text writes the profile: the step, a table of rows by phase, and the memory. top is the number of
// rows, the dearest ones of all phases; the rest of a phase becomes one row. 0: all.
func (p *Profile) Text(w io.Writer, by By, top int) error {
	rows, err := p.Rows(by)
	if err != nil {
		return err
	}
	for _, l := range p.head() {
		fmt.Fprintln(w, l)
	}
	fmt.Fprintln(w)
	t := p.table(rows, by, top)
	if err := t.Text(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, l := range append(p.sum(rows), p.unhidden()...) {
		fmt.Fprintln(w, l)
	}
	fmt.Fprintln(w)
	_, err = io.WriteString(w, strings.Join(p.memory(), "\n")+"\n")
	return err
}

// head says what was measured, and how far to trust it.
func (p *Profile) head() []string {
	out := []string{fmt.Sprintf("%s, batch %d, on %s: %s", p.Network, p.Batch, p.Device, p.Detail)}
	if p.Emulated {
		out = append(out, "emulated: times mean nothing")
	}
	steps := p.steps()
	out = append(out, fmt.Sprintf("a step takes %s (%s of %s to %s), %.1f images/s",
		ms(p.Step()), report.Plural(len(steps), "timed step"), ms(least(steps)), ms(greatest(steps)), float64(p.Batch)/p.Step().Seconds()))
	out = append(out, p.plainly()...)
	if had := p.Had(); had < 0.97 {
		out = append(out, fmt.Sprintf("the machine is shared: a %s had a processor for %.0f %% of the time in which it worked", p.noun(), 100*had))
	}
	return append(out, p.roofs()...)
}

// plainly compares the timed steps with those in which nothing was timed.
func (p *Profile) plainly() []string {
	if len(p.Pairs) == 0 {
		return nil
	}
	if p.Device != "cpu" {
		s := fmt.Sprintf("timed steps are launched one by one; in turn with them, steps as they run take %s by the host's clock", ms(p.Plain()))
		if p.Graph > 0 {
			s += fmt.Sprintf(", the step as one graph %s by the card's", ms(p.Graph))
		}
		out := []string{s}
		if p.GraphNote != "" {
			out = append(out, p.GraphNote)
		}
		return out
	}
	return []string{fmt.Sprintf("steps in which nothing is timed, in turn with these, take %s; timing adds %+.1f %% of processor time (medians)", ms(p.Plain()), 100*p.Overhead())}
}

// roofs says what rates are compared with.
func (p *Profile) roofs() []string {
	r := p.Roofs
	if p.Device != "cpu" {
		var out []string
		if r.FLOPS > 0 {
			out = append(out, fmt.Sprintf("%.3g TFLOP/s of %s, measured", r.FLOPS/1e12, r.Of))
		}
		if r.Memory > 0 {
			out = append(out, fmt.Sprintf("%.0f GB/s of a copy, measured", r.Memory/1e9))
		}
		if out == nil {
			return nil
		}
		how := "each operation by itself, as repeats in a graph"
		if p.Alone == nil {
			how = "rank 0's operations as they ran, launched one by one"
		}
		return []string{"rates are of " + how + "; peaks: " + strings.Join(out, ", ")}
	}
	if r.FLOPS == 0 {
		return nil
	}
	return []string{fmt.Sprintf("one of %s reached %.1f GFLOP/s, %.1f GB/s of memory, %.1f GB/s of a near cache, with all at work",
		report.Plural(len(p.Tracks), p.noun()), r.FLOPS/1e9, r.Memory/1e9, r.Cache/1e9)}
}

// graphColumn is the place of the times inside the graph, where they are known.
const graphColumn = 4

// table is the rows by phase, each phase under its sum.
func (p *Profile) table(rows []Row, by By, top int) *report.Table {
	right := func(title, verb string) report.Column { return report.Column{Title: title, Verb: verb, Right: true} }
	t := &report.Table{Columns: []report.Column{right("calls", ""), right("ms", "%.2f"), right("share", "%.1f%%"), right("busy ms", "%.2f"), right("of busy", "%.1f%%"),
		right("GFLOP/s", "%.1f"), right("GB/s", "%.1f"), right("% of peak", "%.0f"), {Title: "of"}, right("MB", "%.1f"), {Title: string(by)}}}
	launches := p.Device != "cpu"
	if launches {
		t.Columns[0].Title, t.Columns[3].Title = "launches", "alone ms"
		t.Columns[1].Verb, t.Columns[3].Verb = "%.3f", "%.3f"
	}
	if p.InGraph != nil {
		t.Columns = slices.Insert(t.Columns, graphColumn, right("in graph ms", "%.3f"))
	}
	shown := map[engine.Phase][]Row{}
	hidden := map[engine.Phase][]Row{}
	for i, r := range rows {
		if top > 0 && i >= top {
			hidden[r.Phase] = append(hidden[r.Phase], r)
		} else {
			shown[r.Phase] = append(shown[r.Phase], r)
		}
	}
	for _, phase := range engine.Phases {
		all := append(append([]Row{}, shown[phase]...), hidden[phase]...)
		if len(all) == 0 {
			continue
		}
		t.Rows = append(t.Rows, p.cells(p.total(all), strings.ToUpper(string(phase)), launches))
		for _, r := range shown[phase] {
			t.Rows = append(t.Rows, p.cells(r, "  "+rowName(r, by), launches))
		}
		rest := hidden[phase]
		if len(rest) == 1 {
			t.Rows = append(t.Rows, p.cells(rest[0], "  "+rowName(rest[0], by), launches))
		} else if len(rest) > 0 && len(shown[phase]) > 0 {
			t.Rows = append(t.Rows, p.cells(p.total(rest), fmt.Sprintf("  %d others", len(rest)), launches))
		}
	}
	return t
}

// nameWidth is the most columns of an operation's text.
const nameWidth = 84

// rowName is a row's name in the table.
func rowName(r Row, by By) string {
	s := r.Name
	if by == ByOperation {
		s = r.Kind + " " + r.Name
		if r.At != nil {
			s = fmt.Sprintf("%d %s", *r.At, s)
		}
	}
	if c := []rune(s); len(c) > nameWidth {
		s = string(c[:nameWidth-3]) + "..."
	}
	return s
}

// total is the sum of rows.
func (p *Profile) total(rows []Row) Row {
	var t Row
	for _, r := range rows {
		t.Calls += r.Calls
		t.Launches += r.Launches
		t.US += r.US
		t.BusyUS += r.BusyUS
		t.FLOPs += r.FLOPs
		t.GraphUS += r.GraphUS
		t.Bytes += r.Bytes
	}
	p.rates(&t)
	return t
}

// cells are a row's values in the order of the columns. A rate without figures is empty.
func (p *Profile) cells(r Row, name string, launches bool) []any {
	count := r.Calls
	if launches {
		count = r.Launches
	}
	out := []any{count, r.US / 1e3, r.Share, r.BusyUS / 1e3, r.BusyPart, nil, nil, nil, r.Roof, nil, name}
	if r.FLOPs > 0 {
		out[5] = r.FLOPS / 1e9
	}
	if r.Bytes > 0 {
		out[6], out[9] = r.BytesPerS/1e9, r.Bytes/1e6
	}
	if r.Roof != "" {
		out[7] = r.Peak
	}
	if p.InGraph != nil {
		out = slices.Insert(out, graphColumn, any(r.GraphUS/1e3))
	}
	return out
}

// sum compares the operations with the whole step.
func (p *Profile) sum(rows []Row) []string {
	in := p.total(rows)
	whole := micros(p.Step())
	if p.Device != "cpu" {
		return p.overlap(in.US, whole)
	}
	idle := micros(p.Step())*float64(len(p.Tracks)) - in.BusyUS
	return []string{
		fmt.Sprintf("operations %.2f ms of %.2f ms: %.2f ms (%.2f %%) are not explained", in.US/1e3, whole/1e3, (whole-in.US)/1e3, 100-in.Share),
		fmt.Sprintf("%s worked for %.1f %% of the step, and waited for each other, a processor or the caller in the rest",
			report.Plural(len(p.Tracks), p.noun()), 100-100*idle/whole/float64(len(p.Tracks))),
	}
}

// covered is the part of a step, in microseconds, in which at least one operation ran: their sum in
// is more where streams overlap.
func (p *Profile) covered(in float64) float64 {
	if p.Device == "cpu" { // one operation behind the other
		return in
	}
	var sum time.Duration
	for _, t := range p.Traces {
		sum += cover(t.Ops)
	}
	return micros(sum / time.Duration(max(len(p.Traces), 1)))
}

// overlap compares the operations of several streams with the whole step.
func (p *Profile) overlap(in, whole float64) []string {
	some := p.covered(in)
	s := fmt.Sprintf("operations %.3f ms within %.3f ms of a step of %.3f ms: %.3f ms (%.2f %%) are not explained", in/1e3, some/1e3, whole/1e3, (whole-some)/1e3, 100*(1-some/whole))
	if in > some {
		s += fmt.Sprintf("; streams overlap for %.3f ms", (in-some)/1e3)
	}
	return []string{s}
}

// cover is the time in which at least one of some operations ran.
func cover(ops []engine.Timed) (sum time.Duration) {
	sorted := slices.Clone(ops)
	slices.SortFunc(sorted, func(a, b engine.Timed) int { return cmp.Compare(a.Start, b.Start) })
	var end time.Duration
	for i, o := range sorted {
		if i == 0 || o.Start > end {
			end = o.Start
		}
		if o.End > end {
			sum, end = sum+o.End-end, o.End
		}
	}
	return sum
}

// memory says what the program holds, and which part of it is alive at the worst time.
func (p *Profile) memory() []string {
	t := report.Table{Columns: []report.Column{{Title: "memory"}, {Title: "MiB", Verb: "%.1f", Right: true}}}
	for _, c := range p.Held.Classes {
		t.Rows = append(t.Rows, []any{c.Name, mib(c.Bytes)})
	}
	t.Rows = append(t.Rows, []any{"sum", mib(p.Held.Total())})
	out := t.Lines()
	if peak := p.Held.Peak(); peak.Activations+peak.Gradients > 0 {
		o := p.Operations[peak.Op]
		out = append(out, fmt.Sprintf("at most %.1f MiB of tensors are alive at once, at %s: %.1f of activations, %.1f of their gradients",
			mib(peak.Activations+peak.Gradients), opName(o), mib(peak.Activations), mib(peak.Gradients)))
	}
	return out
}

// opName names an operation shortly: its number in the plan, its kind and its layer.
func opName(o engine.Operation) string {
	s := o.Kind
	if o.At != engine.None {
		s = fmt.Sprintf("%d %s", o.At, o.Kind)
	}
	if o.Layer != "" {
		s += " of " + o.Layer
	}
	return s
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Nanoseconds())/1e6) }

func least(d []time.Duration) (m time.Duration) {
	for i, x := range d {
		if i == 0 || x < m {
			m = x
		}
	}
	return m
}

func greatest(d []time.Duration) (m time.Duration) {
	for _, x := range d {
		m = max(m, x)
	}
	return m
}
