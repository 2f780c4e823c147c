package cpu_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/graph/graphtest"
)

// Every operation of a step is timed once, in order and without overlap, by clocks that lie within
// the step's; a worker's span lies within the operation that it belongs to.
func TestProfile(t *testing.T) {
	for _, f := range graphtest.Families {
		for _, workers := range []int{1, 3} {
			p := program(t, cpu.Backend{}, graphtest.Small(f, 16, 1), 3, 6, 2, workers)
			pr := p.(engine.Profiler)
			train(t, p, 6, 1)
			profile(t, p, true)
			train(t, p, 6, 3)
			traces, err := pr.Traces()
			if err != nil || len(traces) != 3 {
				t.Fatalf("%s: %d traces, error %v: want 3", f, len(traces), err)
			}
			for _, tr := range traces {
				checkTrace(t, tr, len(pr.Operations()), len(pr.Tracks()))
			}
			profile(t, p, false)
			train(t, p, 6, 2)
			if traces, err := pr.Traces(); len(traces) != 0 || err != nil {
				t.Errorf("%s: %d traces without a profile, error %v", f, len(traces), err)
			}
		}
	}
}

func profile(t *testing.T, p engine.Program, on bool) {
	t.Helper()
	if err := p.(engine.Profiler).Profile(on); err != nil {
		t.Fatal(err)
	}
}

func checkTrace(t *testing.T, tr engine.Trace, ops, tracks int) {
	t.Helper()
	of := map[int]engine.Timed{}
	last := tr.Start
	for _, o := range tr.Ops {
		if _, again := of[o.Op]; again || o.Op < 0 || o.Op >= ops {
			t.Errorf("operation %d of %d is timed twice, or is none", o.Op, ops)
		}
		if of[o.Op] = o; o.Start < last || o.End < o.Start || o.End > tr.End {
			t.Errorf("%+v is not behind %v and before %v", o, last, tr.End)
		}
		if last = o.End; o.Busy <= 0 {
			t.Errorf("%+v: nobody worked", o)
		}
	}
	if len(of) != ops {
		t.Errorf("%d operations were timed, want %d", len(of), ops)
	}
	busy := map[int]time.Duration{}
	for _, w := range tr.Work {
		if o := of[w.Op]; w.Start < o.Start || w.End > o.End || w.Track < 0 || w.Track >= tracks {
			t.Errorf("%+v is outside of its operation %+v, or no track's of %d", w, o, tracks)
		}
		busy[w.Op] += w.Busy
	}
	for i, o := range of {
		if busy[i] != o.Busy {
			t.Errorf("operation %d: tracks were busy for %v, and it says %v", i, busy[i], o.Busy)
		}
	}
}

// A profile changes no bit of the trained state.
func TestProfileSameBits(t *testing.T) {
	var want map[string]engine.Tensor
	for _, on := range []bool{false, true} {
		p := program(t, cpu.Backend{}, graphtest.Small("26", 16, 1), 3, 6, 2, 2)
		profile(t, p, on)
		train(t, p, 6, 3)
		have := state(t, p)
		if want == nil {
			want = have
		}
		for name, x := range have {
			for i, v := range x.F32 {
				if math.Float32bits(v) != math.Float32bits(want[name].F32[i]) {
					t.Fatalf("%s[%d] = %v with a profile, %v without", name, i, v, want[name].F32[i])
				}
			}
		}
	}
}

// The books are those of the network: operations have the plan's texts and the graph's
// multiply-adds, classes of memory are the tensors that a state and the plan have.
func TestProfileBooks(t *testing.T) {
	const n = 6
	p := program(t, cpu.Backend{}, graphtest.Small("26", 16, 1), 3, n, 2, 2)
	train(t, p, n, 1)
	pr := p.(engine.Profiler)
	weights := int64(0)
	for name, x := range state(t, p) {
		if !strings.HasPrefix(name, "momentum/") && !strings.HasPrefix(name, "replica") {
			weights += 4 * int64(len(x.F32))
		}
	}
	held := pr.Held()
	bytes := map[string]int64{}
	for _, c := range held.Classes {
		bytes[c.Name] = c.Bytes
	}
	for _, class := range []string{"weights", "momentum", "gradients of weights"} {
		// Every parameter begins on a cache line.
		if b := bytes[class]; b < weights || b > weights+64*int64(len(state(t, p))) {
			t.Errorf("%s: %d bytes, want %d and a little", class, b, weights)
		}
	}
	peak := held.Peak()
	if sum := peak.Activations + peak.Gradients; sum <= 0 || sum > bytes["activations and their gradients"] {
		t.Errorf("at most %d bytes are alive in an arena of %d", sum, bytes["activations and their gradients"])
	}
	ops := pr.Operations()
	if o := ops[peak.Op]; o.At == engine.None {
		t.Errorf("most is alive at %q, which is not of the plan", o.Kind)
	}
	forward, backward := 0.0, 0.0
	for i, o := range ops {
		if o.Kind == "conv" {
			forward += o.FLOPs
		} else if o.Kind == "conv'" {
			backward += o.FLOPs
		}
		if o.At != engine.None && o.At != i-(len(ops)-lastAt(ops)-1) {
			t.Errorf("operation %d is number %d of the plan", i, o.At)
		}
	}
	// The first convolution has no gradient of its input.
	if backward >= 2*forward || backward < 1.8*forward {
		t.Errorf("%.4g FLOPs backward, %.4g forward: want a little less than twice as many", backward, forward)
	}
}

// lastAt is the number of the plan's last operation.
func lastAt(ops []engine.Operation) (at int) {
	for _, o := range ops {
		at = max(at, o.At)
	}
	return at
}
