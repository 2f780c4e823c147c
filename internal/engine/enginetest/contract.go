package enginetest

import (
	"errors"
	"fmt"
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

func setStateErrors(t *testing.T, b engine.Backend) {
	p := load(t, "shake-s-s").program(t, b)
	_, fresh := state(t, p)
	good := engine.Tensor{Name: "stem.1.weight", Shape: []int{4}, F32: []float32{5, 5, 5, 5}}
	for name, bad := range map[string]engine.Tensor{
		"unknown name":   {Name: "stem.1.wieght", Shape: []int{4}, F32: make([]float32, 4)},
		"unknown prefix": {Name: "replica2/stem.1.running_mean", Shape: []int{4}, F32: make([]float32, 4)},
		"wrong shape":    {Name: "stem.1.bias", Shape: []int{2, 2}, F32: make([]float32, 4)},
		"too short":      {Name: "stem.1.bias", Shape: []int{4}, F32: make([]float32, 3)},
		"nothing in it":  {Name: "stem.1.bias", Shape: []int{4}},
		"both in it":     {Name: "stem.1.bias", Shape: []int{4}, F32: make([]float32, 4), F64: make([]float64, 4)},
	} {
		_, want := state(t, p)
		err := p.SetState([]engine.Tensor{good, bad})
		if err == nil || !strings.Contains(err.Error(), bad.Name) {
			t.Errorf("%s: want an error that names %s, have %v", name, bad.Name, err)
		}
		if _, have := state(t, p); differ(have, want) != "" {
			t.Errorf("%s: the error changed the state: %s", name, differ(have, want))
		}
	}
	if err := p.SetState([]engine.Tensor{{Name: good.Name, Shape: []int{4}, F64: []float64{5, 5, 5, 5}}}); err != nil {
		t.Errorf("float64: %v", err)
	}
	fresh[good.Name] = []float64{5, 5, 5, 5}
	if _, have := state(t, p); differ(have, fresh) != "" {
		t.Errorf("after one tensor in float64: %s", differ(have, fresh))
	}
}

func compileErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	for name, change := range map[string]func(*engine.Config){
		"no batch":      func(c *engine.Config) { c.Batch = 0 },
		"no replicas":   func(c *engine.Config) { c.Replicas = 0 },
		"negative crop": func(c *engine.Config) { c.Crop = -1 },
		"no precision":  func(c *engine.Config) { c.Precision = "fp7" },
	} {
		c := engine.ConfigOf(e.spec)
		change(&c)
		if p, err := b.Compile(e.graph, c); err == nil {
			p.Close()
			t.Errorf("%s: want an error, have none", name)
		}
	}
	broken := e.graph.Clone()
	broken.Ops = broken.Ops[1:]
	if p, err := b.Compile(broken, engine.ConfigOf(e.spec)); err == nil {
		p.Close()
		t.Error("a graph without its first operation: want an error, have none")
	}
}

func loadErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	for name, change := range map[string]func(*engine.Images){
		"wrong size":      func(im *engine.Images) { im.H, im.W = 16, 64 },
		"pixels missing":  func(im *engine.Images) { im.Pix = im.Pix[1:] },
		"labels missing":  func(im *engine.Images) { im.Labels = im.Labels[1:] },
		"class too large": func(im *engine.Images) { im.Labels = append([]uint16{10}, im.Labels[1:]...) },
		"short mean":      func(im *engine.Images) { im.Mean = im.Mean[:2] },
		"zero std":        func(im *engine.Images) { im.Std = []float64{1, 0, 1} },
	} {
		im := *e.train
		change(&im)
		if p.Load(&im, nil) == nil || p.Load(nil, &im) == nil {
			t.Errorf("%s: want an error, have none", name)
		}
	}
}

func stepErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	_, want := state(t, p)
	for name, index := range map[string][]int32{"no image": {}, "too many": {0, 1, 2, 3, 4, 5, 6}, "negative": {0, -1}, "beyond the set": {0, 10}} {
		refused(t, name, p.Step(engine.Step{Index: index, LR: 1}), engine.ConfigOf(e.spec).CheckBatch(b.Name(), index, e.train.N))
	}
	if _, have := state(t, p); differ(have, want) != "" {
		t.Errorf("a refused step changed the state: %s", differ(have, want))
	}
	if err := p.Load(nil, e.test); err != nil {
		t.Fatal(err)
	}
	refused(t, "without training images", p.Step(e.step(0)), engine.NotLoaded(b.Name(), "training"))
}

// refused compares errors by their texts: a mistake reads alike on every backend.
func refused(t *testing.T, name string, have, want error) {
	t.Helper()
	if have == nil || have.Error() != want.Error() {
		t.Errorf("%s: want the error %q, have %v", name, want, have)
	}
}

func evalErrors(t *testing.T, b engine.Backend) {
	e := load(t, "shake-s-s")
	p := e.program(t, b)
	for _, r := range [][2]int{{-1, 2}, {0, 6}, {3, 2}} {
		want := engine.CheckRange(b.Name(), r[0], r[1], e.test.N)
		_, err := p.Eval(r[0], r[1])
		refused(t, fmt.Sprintf("Eval%v", r), err, want)
		_, err = p.Logits(r[0], r[1])
		refused(t, fmt.Sprintf("Logits%v", r), err, want)
	}
	if err := p.Load(e.train, nil); err != nil {
		t.Fatal(err)
	}
	_, err := p.Eval(0, 1)
	refused(t, "Eval without test images", err, engine.NotLoaded(b.Name(), "test"))
}

func sameSeedSameBits(t *testing.T, b engine.Backend) {
	run := func(overrides ...string) map[string][]float64 {
		e := load(t, "replicas-3", overrides...)
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
	e := load(t, "replicas-3")
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
// they were, and what follows has the bits of a program that was never asked. It holds for programs
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
