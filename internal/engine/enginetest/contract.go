package enginetest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"shake/internal/engine"
)

// contract is the promises of engine.Program besides arithmetic.
var contract = []check{
	{"FreshState", freshState},
	{"StateRoundTrip", stateRoundTrip},
	{"SetStateErrors", setStateErrors},
	{"CompileErrors", compileErrors},
	{"LoadErrors", loadErrors},
	{"StepErrors", stepErrors},
	{"EvalErrors", evalErrors},
	{"SameSeedSameBits", sameSeedSameBits},
	{"ResumeSameBits", resumeSameBits},
	{"KeepsNoReference", keepsNoReference},
	{"MetricsAddUp", metricsAddUp},
	{"BadStep", badStep},
	{"EvalInParts", evalInParts},
	{"Abandon", abandon},
	{"Correlate", correlate},
}

// freshState: momentum and means start at 0, variances at 1.
func freshState(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	_, values := state(t, e.program(t, b))
	for name, v := range values {
		want := 0.0
		switch {
		case strings.HasSuffix(name, ".running_var"):
			want = 1
		case !strings.HasPrefix(name, "momentum/") && !strings.HasSuffix(name, ".running_mean"):
			continue
		}
		for i, x := range v {
			if x != want {
				t.Fatalf("%s[%d]: want %v before the first step, have %v", name, i, want, x)
			}
		}
	}
}

func stateRoundTrip(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	e.run(t, p, 0, 2)
	ts, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	_, want := state(t, p)
	q := e.program(t, b)
	if err := q.SetState(ts); err != nil {
		t.Fatalf("SetState of a State: %v", err)
	}
	if _, have := state(t, q); differ(have, want) != "" {
		t.Errorf("after SetState: %s", differ(have, want))
	}
	for i := range ts { // the copy is the caller's
		clear(ts[i].F32)
		clear(ts[i].F64)
	}
	if _, have := state(t, q); differ(have, want) != "" {
		t.Errorf("after writing into the tensors given: %s", differ(have, want))
	}
}

// everything is a recipe with all that a step may have.
var everything = []string{"train.label_smoothing=0.1", "train.clip=0.3", "train.ema=0.8", "train.mixup=0.4"}

func sameSeedSameBits(t *testing.T, b engine.Backend) {
	run := func(overrides ...string) map[string][]float64 {
		e := load(t, "replicas-3", append(overrides, everything...)...)
		p := e.program(t, b)
		e.run(t, p, 0, 3)
		_, values := state(t, p)
		return values
	}
	first := run()
	if d := differ(first, run()); d != "" {
		t.Errorf("two runs of one seed: %s", d)
	}
	if differ(first, run("seed=77")) == "" {
		t.Error("another seed gives the same weights")
	}
}

func resumeSameBits(t *testing.T, b engine.Backend) {
	e := load(t, "replicas-3", everything...)
	p := e.program(t, b)
	e.run(t, p, 0, 2)
	ts, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	e.run(t, p, 2, 4)
	_, want := state(t, p)
	q := e.program(t, b)
	if err := q.SetState(ts); err != nil {
		t.Fatal(err)
	}
	e.run(t, q, 2, 4)
	if _, have := state(t, q); differ(have, want) != "" {
		t.Errorf("resumed after two of four steps: %s", differ(have, want))
	}
}

func keepsNoReference(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	e.run(t, p, 0, 1)
	_, want := state(t, p)
	q := e.program(t, b)
	clear(e.train.Pix)
	e.run(t, q, 0, 1)
	if _, have := state(t, q); differ(have, want) != "" {
		t.Errorf("after clearing the pixels that were loaded: %s", differ(have, want))
	}
}

func metricsAddUp(t *testing.T, b engine.Backend) {
	e := load(t, "ragged")
	single := e.run(t, e.program(t, b), 0, 3)
	p := e.program(t, b)
	var want engine.Metrics
	for i, m := range single {
		if err := p.Step(e.step(i)); err != nil {
			t.Fatal(err)
		}
		want.Images += m.Images
		want.Loss += m.Loss
		want.Errors += m.Errors
	}
	for range 2 { // reading does not reset
		m, err := p.Metrics(false)
		if err != nil || m.Images != want.Images || m.Errors != want.Errors || math.Abs(m.Loss-want.Loss) > 1e-6*want.Loss || m.BadStep != -1 {
			t.Errorf("want the sum %+v, have %+v, %v", want, m, err)
		}
	}
	p.Metrics(true)
	if m, err := p.Metrics(true); err != nil || m != (engine.Metrics{BadStep: -1}) {
		t.Errorf("after a reset: want zeros and bad step -1, have %+v, %v", m, err)
	}
}

// badStep: the first step without a finite loss is remembered, later ones do not replace it.
func badStep(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	if err := p.Step(e.step(0)); err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	bias := make([]float32, 10)
	bias[3] = nan
	if err := p.SetState([]engine.Tensor{{Name: "head.2.bias", Shape: []int{10}, F32: bias}}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 3; i++ {
		if err := p.Step(e.step(i)); err != nil {
			t.Fatalf("a step that diverges is no error: %v", err)
		}
	}
	if m, err := p.Metrics(true); err != nil || m.BadStep != 1 {
		t.Errorf("want bad step 1, have %+v, %v", m, err)
	}
}

// evalInParts: an image's logits do not depend on which images are evaluated with it.
func evalInParts(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s", "train.batch=3")
	p := e.program(t, b)
	e.run(t, p, 0, 1)
	all, err := p.Logits(0, 5)
	if err != nil {
		t.Fatal(err)
	}
	var parts []float32
	for _, r := range [][2]int{{0, 1}, {1, 3}, {3, 3}, {3, 5}} {
		part, err := p.Logits(r[0], r[1])
		if err != nil {
			t.Fatalf("Logits(%d, %d): %v", r[0], r[1], err)
		}
		parts = append(parts, part...)
	}
	if len(all) != 50 || len(parts) != 50 {
		t.Fatalf("want 50 logits, have %d at once and %d in parts", len(all), len(parts))
	}
	for i := range all {
		if math.Abs(float64(all[i]-parts[i])) > 1e-6*math.Abs(float64(all[i]))+1e-7 {
			t.Errorf("logit %d: %v at once, %v in parts", i, all[i], parts[i])
		}
	}
}

// abandon: a step or an evaluation left off after any of its operations leaves state and metrics as
// they were, and later calls have the bits of a program that was never asked. It holds for programs
// that are engine.Abandoner.
func abandon(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	straight, p := e.program(t, b), e.program(t, b)
	a, ok := p.(engine.Abandoner)
	if !ok {
		return
	}
	snapshot := func(p engine.Program) (map[string][]float64, engine.Metrics) {
		_, values := state(t, p)
		m, err := p.Metrics(false)
		if err != nil {
			t.Fatal(err)
		}
		return values, m
	}
	for _, q := range []engine.Program{straight, p} {
		if err := q.Step(e.step(0)); err != nil {
			t.Fatal(err)
		}
	}
	before, metrics := snapshot(p)
	for name, call := range map[string]func() error{
		"Step": func() error { return p.Step(e.step(1)) },
		"Eval": func() error { _, err := p.Eval(0, 2); return err },
	} {
		for after := 0; ; after++ {
			asked := 0
			a.Abandon(func() bool { asked++; return asked > after })
			err := call()
			if err == nil && after > 3 {
				break
			}
			if !errors.Is(err, engine.ErrAbandoned) {
				t.Fatalf("%s asked to stop after %d operations: %v", name, after, err)
			}
			have, m := snapshot(p)
			if d := differ(have, before); d != "" || m != metrics {
				t.Fatalf("%s abandoned after %d operations: %s, metrics %+v, want %+v", name, after, d, m, metrics)
			}
			if asked != after+1 {
				t.Fatalf("%s goes on after it was stopped", name)
			}
		}
		if name == "Eval" {
			continue
		}
		a.Abandon(nil)
		if err := straight.Step(e.step(1)); err != nil {
			t.Fatal(err)
		}
		want, m := snapshot(straight)
		have, n := snapshot(p)
		if d := differ(have, want); d != "" || m != n {
			t.Errorf("a step after abandoned ones: %s, metrics %+v, want %+v", d, n, m)
		}
		before, metrics = have, n
	}
}
