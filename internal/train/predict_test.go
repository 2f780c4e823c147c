package train

import (
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"testing"
)

// TestPrediction: softmax, cross-entropy and order of classes, with ties and without a finite sum.
func TestPrediction(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		name   string
		label  int
		logits []float32
		top    []int
		rank   int
		p      float64
		loss   float64
	}{
		{"two classes", 1, []float32{0, 0}, []int{0, 1}, 1, 0.5, math.Ln2},
		{"sixth", 0, []float32{0, 9, 1, 2, 3, 4}, []int{1, 5, 4, 3, 2}, -1, math.NaN(), math.NaN()},
		{"large", 0, []float32{1000, 999}, []int{0, 1}, 0, 1 / (1 + math.Exp(-1)), math.Log(1 + math.Exp(-1))},
		{"not a number", 0, []float32{1, float32(math.NaN())}, nil, -1, math.NaN(), math.NaN()},
		{"first of them not a number", 0, []float32{float32(math.NaN()), 1}, nil, -1, math.NaN(), math.NaN()},
		{"infinite", 0, []float32{inf, 1}, []int{0, 1}, 0, math.Inf(1), math.Inf(1)},
	} {
		p := newPrediction(7, c.label, c.logits)
		if c.top == nil && len(p.Top) > 0 {
			t.Errorf("%s: %v", c.name, p.Top)
		}
		for i, k := range c.top {
			if p.Top[i] != k {
				t.Fatalf("%s: %v, want %v", c.name, p.Top, c.top)
			}
		}
		if p.Rank() != c.rank || p.Image != 7 {
			t.Errorf("%s: %+v", c.name, p)
		}
		if math.IsNaN(c.p) {
			continue
		}
		if finite(c.p) != nil && (math.Abs(p.Probability-c.p) > 1e-12 || math.Abs(p.Loss-c.loss) > 1e-12) {
			t.Errorf("%s: %+v, want %v and %v", c.name, p, c.p, c.loss)
		}
		if _, err := json.Marshal(p); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	b, err := json.Marshal(newPrediction(2, 1, []float32{0, 0}))
	if want := `{"image":2,"label":1,"top":[0,1],"probability":0.5,"loss":0.6931471805599453}`; err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
}

// TestTally: counts by label and class, and images whose label is not among the five.
func TestTally(t *testing.T) {
	tally := NewTally(7)
	tally.Add(Prediction{Label: 1, Top: []int{1, 2, 3, 4, 5}})
	tally.Add(Prediction{Label: 1, Top: []int{2, 1, 3, 4, 5}})
	tally.Add(Prediction{Label: 0, Top: []int{2, 1, 3, 4, 5}})
	if n, wrong := tally.Class(1); n != 2 || wrong != 1 || tally.NotInTop != 1 || tally.Confusion[0][2] != 1 {
		t.Errorf("%+v", tally)
	}
	// An image with a logit that is not a number is wrong in every count.
	for label := range 3 {
		tally.Add(newPrediction(0, label, []float32{float32(math.NaN()), 1, 2, 3, 4, 5, 6}))
	}
	for label, want := range [][2]int{{2, 2}, {3, 2}, {1, 1}} {
		if n, wrong := tally.Class(label); n != want[0] || wrong != want[1] || tally.NotInTop != 4 {
			t.Errorf("label %d: %d images, %d wrong, want %v; %+v", label, n, wrong, want, tally)
		}
	}
	if b, err := json.Marshal(newPrediction(3, 1, []float32{0, float32(math.NaN())})); err != nil || string(b) != `{"image":3,"label":1,"top":[],"probability":null,"loss":null}` {
		t.Errorf("%s, %v", b, err)
	}
}

// TestPredictStops: an error of the receiver ends it and is returned.
func TestPredictStops(t *testing.T) {
	o := options(t, filepath.Join(tempDir(t), "run"))
	mustRun(t, o)
	seen, stop := 0, errors.New("enough")
	b := toy{bad: -1, logits: func(lo, hi int) []float32 { return make([]float32, 10*(hi-lo)) }}
	e, err := Predict(t.Context(), o.Spec, b, filepath.Join(o.Dir, WeightsFile), o.Test, func(p Prediction) error {
		if p.Image != seen || p.Label != int(o.Test.Labels[seen]) {
			t.Errorf("image %d: %+v", seen, p)
		}
		seen++
		return nil
	})
	if err != nil || seen != 11 || e.Images != 11 {
		t.Errorf("%d predictions, %+v, %v", seen, e, err)
	}
	if _, err := Predict(t.Context(), o.Spec, b, filepath.Join(o.Dir, WeightsFile), o.Test, func(Prediction) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("have %v", err)
	}
}
