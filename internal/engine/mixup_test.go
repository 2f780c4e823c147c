package engine

import (
	"math"
	"slices"
	"testing"
)

// TestMix: weights have the mean and the variance of Beta(a, a), 1/2 and 1/(8a+4), partners are a
// permutation that changes from step to step, and neither depends on the other.
func TestMix(t *testing.T) {
	for _, a := range []float64{1e-3, 0.2, 1, 8, 100} {
		const n = 20000
		sum, squares := 0.0, 0.0
		for i := range uint32(n) {
			w := Mix(7, i, a, nil)
			if !(w >= 0 && w <= 1) {
				t.Fatalf("a = %v: weight %v", a, w)
			}
			sum, squares = sum+w, squares+w*w
		}
		mean, want := sum/n, 1/(8*a+4)
		variance := squares/n - mean*mean
		if math.Abs(mean-0.5) > 4*math.Sqrt(want/n) || math.Abs(variance-want) > 0.03*want {
			t.Errorf("a = %v: want a mean of 0.5 and a variance of %v, have %v and %v", a, want, mean, variance)
		}
	}
	first, second, again := make([]int32, 40), make([]int32, 40), make([]int32, 40)
	w := Mix(7, 3, 0.2, first)
	Mix(7, 4, 0.2, second)
	if w != Mix(7, 3, 0.2, again) || !slices.Equal(first, again) || slices.Equal(first, second) || w != Mix(7, 3, 0.2, nil) {
		t.Errorf("steps 3, 4 and 3: %v, %v, %v", first, second, again)
	}
	slices.Sort(first)
	for i, j := range first {
		if int(j) != i {
			t.Fatalf("no permutation: %v", first)
		}
	}
}
