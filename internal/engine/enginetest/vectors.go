package enginetest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"shake/internal/engine"
)

// Tolerance bounds a distance to PyTorch's float64. The distance of a tensor is the rms of the
// difference over the rms of the tensor, or over a hundredth of the rms of its kind if that is
// more: some gradients and means are zero but for rounding. That of a loss is relative.
type Tolerance struct {
	Step float64 // after one step
	Own  float64 // after several, in distances of PyTorch's own float32, or luck; 0: Step
	Why  string
}

// luck is the distance below which PyTorch's own is a matter of single float32 roundings (6e-8
// each), which orders of summation change several times over.
const luck = 1e-6

// Tolerances bound every kind of result.
type Tolerances struct{ Momentum, Params, Running, Logits, Loss Tolerance }

// Float64 is for backends that compute in float64: differences are orders of summation alone.
var Float64 = Tolerances{
	Momentum: Tolerance{1e-9, 0, "gradients are sums of at most 1e4 products rounded to 1e-16, cancelled by at most 1e3 in batch norm"},
	Params:   Tolerance{1e-9, 0, "ten steps amplify 1e-15 by 1e4 in the narrow deep nets"},
	Running:  Tolerance{1e-9, 0, "as params, which they follow"},
	Logits:   Tolerance{1e-6, 0, "engine.Program returns them in float32"},
	Loss:     Tolerance{1e-9, 0, "a mean of well-conditioned numbers"},
}

// Float32 is for backends that store and compute in float32. One step is bound absolutely; several
// by the error of PyTorch's float32 on the same case, since a ReLU input that rounds to the other
// side of zero changes all that follows.
var Float32 = Tolerances{
	Momentum: Tolerance{1e-5, 3, "sums of 1e3 products rounded to 6e-8, cancelled by up to 1e2 in batch norm; PyTorch itself reaches 8e-6"},
	Params:   Tolerance{1e-6, 3, "the gradients, times lr; the smallest tensors decide"},
	Running:  Tolerance{1e-5, 3, "means over 1e2 to 1e3 numbers near zero, relative to their spread"},
	Logits:   Tolerance{1e-5, 3, "float32 through up to 26 layers; 1e-7 a layer"},
	Loss:     Tolerance{1e-6, 3, "a mean of float32 losses"},
}

// vectors holds a case against PyTorch.
func vectors(t *testing.T, b engine.Backend, tol Tolerances, name string) {
	e := load(t, name)
	data, err := testdata.ReadFile("testdata/" + name + ".npz")
	if err != nil {
		t.Fatal(err)
	}
	want, err := readNPZ(data)
	if err != nil {
		t.Fatal(err)
	}
	own := want["float32"]
	check := func(kind string, tol Tolerance, own, have float64) {
		limit := tol.Step
		if e.spec.Train.MaxSteps > 1 && tol.Own > 0 {
			limit = max(luck, tol.Own*own)
		}
		if !(have <= limit) {
			t.Errorf("%s: want a distance of %.1e at most, have %.1e (%s)", kind, limit, have, tol.Why)
		}
	}

	p := e.program(t, b)
	metrics := e.run(t, p, 0, e.spec.Train.MaxSteps)
	worst := 0.0
	for i, m := range metrics {
		loss := m.Loss / float64(m.Images)
		worst = max(worst, math.Abs(loss-want["loss"][i])/want["loss"][i])
		if m.Images != len(e.step(i).Index) || float64(m.Errors) != want["errors"][i] || m.BadStep != -1 {
			t.Errorf("step %d: want %d images, %v errors and no bad step, have %+v", i, len(e.step(i).Index), want["errors"][i], m)
		}
	}
	check("loss", tol.Loss, own[4], worst)

	order, have := state(t, p)
	wantOrder := strings.Split(text(want["names"]), "\n")
	half := len(e.graph.Params)
	trained, averaged := 2*half, 2*half
	if e.spec.Train.EMA > 0 {
		trained = 3 * half
	}
	if !slices.Equal(order[:min(trained, len(order))], wantOrder[:trained]) {
		t.Errorf("State: want names %q, have %q", wantOrder[:trained], order)
	}
	if a, b := slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(wantOrder)); !slices.Equal(a, b) {
		t.Fatalf("State: want names %q, have %q", b, a)
	}
	check("params", tol.Params, own[0], distance(t, have, wantOrder[:half], want["params"]))
	check("momentum", tol.Momentum, own[1], distance(t, have, wantOrder[half:averaged], want["momentum"]))
	check("average", tol.Params, own[0], distance(t, have, wantOrder[averaged:trained], want["average"]))
	check("running", tol.Running, own[2], distance(t, have, wantOrder[trained:], want["running"]))
	evaluate(t, e, p, want["logits"], func(d float64) { check("logits", tol.Logits, own[3], d) }, tol.Logits.Step)
}

// evaluate holds Logits and Eval of the whole test set against the logits of PyTorch.
func evaluate(t *testing.T, e *experiment, p engine.Program, want []float64, check func(distance float64), step float64) {
	f32, err := p.Logits(0, e.test.N)
	if err != nil {
		t.Fatalf("Logits: %v", err)
	}
	logits := make([]float64, len(f32))
	for i, x := range f32 {
		logits[i] = float64(x)
	}
	if len(logits) != len(want) {
		t.Fatalf("Logits: want %d numbers, have %d", len(want), len(logits))
	}
	check(distance(t, map[string][]float64{"logits": logits}, []string{"logits"}, want))
	m, err := p.Eval(0, e.test.N)
	if err != nil {
		t.Fatalf("Eval: %v", err)
	}
	loss, errors := scores(logits, e.test.Labels)
	if m.Images != e.test.N || m.Errors != errors || !(math.Abs(m.Loss-loss) <= max(step, 1e-6)*loss) {
		t.Errorf("Eval: want %d images, %d errors and a loss of %v by the logits, have %+v", e.test.N, errors, loss, m)
	}
}

// scores returns the summed cross-entropy and the errors of logits.
func scores(logits []float64, labels []uint16) (loss float64, errors int) {
	classes := len(logits) / len(labels)
	for i, label := range labels {
		z := logits[i*classes : (i+1)*classes]
		sum := 0.0
		for _, v := range z {
			sum += math.Exp(v - z[label])
		}
		loss += math.Log(sum)
		if slices.Index(z, slices.Max(z)) != int(label) {
			errors++
		}
	}
	return loss, errors
}

// distance is the largest of the named tensors; want is their numbers one after another. No
// numbers: 0.
func distance(t *testing.T, have map[string][]float64, names []string, want []float64) float64 {
	t.Helper()
	if len(want) == 0 {
		return 0
	}
	floor, worst, at := rms(want)/100, 0.0, 0
	for _, name := range names {
		h := have[name]
		if at+len(h) > len(want) {
			t.Fatalf("%s: %d numbers are too many", name, len(h))
		}
		w := want[at : at+len(h)]
		at += len(h)
		diff := make([]float64, len(h))
		for i := range h {
			diff[i] = h[i] - w[i]
		}
		d := rms(diff) / max(rms(w), floor)
		if math.IsNaN(d) || d > worst {
			worst = d
		}
	}
	if at != len(want) {
		t.Fatalf("want %d numbers, have %d", len(want), at)
	}
	return worst
}

func rms(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

func text(bytes []float64) string {
	s := make([]byte, len(bytes))
	for i, b := range bytes {
		s[i] = byte(b)
	}
	return string(s)
}
