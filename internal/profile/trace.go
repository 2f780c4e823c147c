package profile

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"shake/internal/engine"
)

// event is one entry of a trace in Chrome's Trace Event Format, which Perfetto reads: times are in
// microseconds.
type event struct {
	Name  string         `json:"name"`
	Cat   string         `json:"cat,omitempty"`
	Phase string         `json:"ph"` // "X": a slice, "C": a counter, "M": a name
	TS    float64        `json:"ts"`
	Dur   *float64       `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Args  map[string]any `json:"args,omitempty"`
}

// process is the only process of a trace. Thread 1 has the steps and operations as their caller saw
// them; track i is thread 2+i.
const process = 1

// notHidden is the name of a track.
const notHidden = "sums over cards, not hidden"

// WriteTrace writes the timed steps as a trace for Perfetto (ui.perfetto.dev) or chrome://tracing:
// one track for the steps and their operations, one for each worker or stream, and counters. The
// arena's memory is a counter; p.Counters are others.
func (p *Profile) WriteTrace(w io.Writer) error {
	if len(p.Traces) == 0 {
		return fmt.Errorf("profile: no step was timed")
	}
	t := tracer{from: p.Traces[0].Start}
	for _, c := range p.Counters {
		for _, q := range c.Points { // the first stand before the first step
			t.from = min(t.from, q.At)
		}
	}
	t.name("process_name", 0, fmt.Sprintf("shake %s on %s", p.Network, p.Device))
	t.name("thread_name", 1, "steps")
	for i, name := range p.Tracks {
		t.name("thread_name", 2+i, name)
	}
	unhidden := 2 + len(p.Tracks)
	if p.Exchange() != nil {
		t.name("thread_name", unhidden, notHidden)
	}
	alive := map[int]engine.Alive{}
	for _, a := range p.Held.Arena {
		alive[a.Op] = a
	}
	for i, tr := range p.Traces {
		t.slice(fmt.Sprintf("step %d", i), "step", 1, tr.Start, tr.End, nil)
		for _, o := range tr.Ops {
			op := p.Operations[o.Op]
			t.slice(opName(op), string(op.Phase), 1, o.Start, o.End, args(op))
			if a, ok := alive[o.Op]; ok {
				t.counter("arena, MiB", o.Start, map[string]any{"activations": mib(a.Activations), "gradients": mib(a.Gradients)})
			}
		}
		for _, o := range tr.Work {
			op := p.Operations[o.Op]
			t.slice(opName(op), string(op.Phase), 2+o.Track, o.Start, o.End, map[string]any{"busy_us": micros(o.Busy)})
		}
		for _, o := range p.exposed(tr) {
			t.slice(opName(p.Operations[o.Op]), "exchange", unhidden, o.Start, o.End, nil)
		}
	}
	for _, c := range p.Counters {
		for _, q := range c.Points {
			t.counter(c.Name, q.At, map[string]any{"value": q.Value})
		}
	}
	return json.NewEncoder(w).Encode(map[string]any{
		"traceEvents": t.events, "displayTimeUnit": "ms",
		"otherData": map[string]any{"network": p.Network, "batch": p.Batch, "device": p.Device, "detail": p.Detail},
	})
}

// args are a slice's facts of its operation.
func args(o engine.Operation) map[string]any {
	a := map[string]any{"operation": o.Text, "flops": o.FLOPs, "bytes": o.Bytes}
	if o.Shape != "" {
		a["shape"] = o.Shape
	}
	return a
}

// tracer collects events, with times from a first moment on.
type tracer struct {
	from   time.Duration
	events []event
}

func (t *tracer) name(what string, tid int, name string) {
	t.events = append(t.events, event{Name: what, Phase: "M", PID: process, TID: tid, Args: map[string]any{"name": name}})
}

func (t *tracer) slice(name, cat string, tid int, start, end time.Duration, args map[string]any) {
	d := micros(end - start)
	t.events = append(t.events, event{Name: name, Cat: cat, Phase: "X", TS: micros(start - t.from), Dur: &d, PID: process, TID: tid, Args: args})
}

func (t *tracer) counter(name string, at time.Duration, args map[string]any) {
	t.events = append(t.events, event{Name: name, Phase: "C", TS: micros(at - t.from), PID: process, Args: args})
}
