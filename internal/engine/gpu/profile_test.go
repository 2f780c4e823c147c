package gpu_test

import (
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/graph/graphtest"
)

// A profile times every item of a step once, within the step and one behind the other on its
// stream, and changes no bit: in front of the graph, between its runs, and behind a profile that
// ended.
func TestProfile(t *testing.T) {
	require(t)
	s := graphtest.Small("26", 16, 1)
	plain, timed := program(t, gpu.Backend{Precision: "bf16"}, s), program(t, gpu.Backend{Precision: "bf16"}, s)
	pr := timed.(engine.Profiler)
	train(t, plain, 0.05, 0, 6)
	n := 0
	for i, on := range []bool{false, true, false, true, true, false} {
		if err := pr.Profile(on); err != nil {
			t.Fatal(err)
		}
		from := pr.Now()
		train(t, timed, 0.05, i, i+1)
		traces, err := pr.Traces()
		if err != nil || len(traces) != 0 && !on {
			t.Fatalf("step %d: %d traces, error %v", i, len(traces), err)
		}
		for _, tr := range traces {
			n++
			if tr.Start < from {
				t.Errorf("step %d began %v before it was asked for", i, from-tr.Start)
			}
			checkTrace(t, tr, pr)
		}
	}
	if n == 0 {
		t.Error("no step was timed")
	}
	if name := differs(state(t, timed), state(t, plain)); name != "" {
		t.Errorf("%s differs", name)
	}
}

func checkTrace(t *testing.T, tr engine.Trace, pr engine.Profiler) {
	t.Helper()
	ops := pr.Operations()
	launches, last := map[int]bool{}, make([]time.Duration, len(pr.Tracks()))
	const tick = time.Microsecond // events are exact to half of one
	for _, o := range tr.Ops {
		if launches[o.Op] || ops[o.Op].Launches == 0 || o.Track < 0 || o.Track >= len(last) {
			t.Errorf("%+v: timed twice, not launched, or on no stream", o)
			continue
		}
		launches[o.Op] = true
		if o.End < o.Start || o.Start < tr.Start || o.End > tr.End+tick || o.Start < last[o.Track]-tick {
			t.Errorf("%+v is not within %v to %v, behind %v", o, tr.Start, tr.End, last[o.Track])
		}
		last[o.Track] = o.End
	}
	for i, o := range ops {
		if o.Launches > 0 != launches[i] {
			t.Errorf("%s %s: %d launches, timed: %v", o.Kind, o.Text, o.Launches, launches[i])
		}
	}
}

// The books of a card's step: every op has its place, phases are in order, FLOPs backward are about
// twice those forward, and the memory is the list's.
func TestProfileBooks(t *testing.T) {
	require(t)
	p := program(t, gpu.Backend{Precision: "bf16"}, graphtest.Small("26", 16, 1))
	train(t, p, 0.05, 0, 1)
	pr := p.(engine.Profiler)
	flops := map[string]float64{}
	for i, o := range pr.Operations() {
		if o.At != i || o.Kind == "" || o.Phase != engine.PhaseUpdate && o.Layer == "" {
			t.Errorf("operation %d: %+v has no place", i, o)
		}
		flops[o.Kind] += o.FLOPs
		if o.Launches > 0 && o.Bytes == 0 && o.Kind != "rescale" {
			t.Errorf("%s %s moves nothing", o.Kind, o.Text)
		}
	}
	if flops["wgrad"] != flops["conv"] || flops["dgrad"] >= flops["conv"] || flops["dgrad"] < flops["conv"]/2 {
		t.Errorf("FLOPs: %v", flops)
	}
	h := pr.Held()
	bytes := map[string]int64{}
	for _, c := range h.Classes {
		bytes[c.Name] = c.Bytes
	}
	if a := h.Peak(); a.Activations+a.Gradients <= 0 || a.Activations+a.Gradients > bytes["activations and their gradients"] {
		t.Errorf("%+v alive in an arena of %d", a, bytes["activations and their gradients"])
	}
	// Info has the memory of the moment, without the data set.
	if have, want := h.Total()-bytes["data set"], p.Info().Memory; have > want || have < want/2 {
		t.Errorf("classes of %d bytes, the program says %d", have, want)
	}
}
