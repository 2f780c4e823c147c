package cuda

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestClip: norm and factor are those of the formula, with the same bits again; the counter is zero
// afterwards.
func TestClip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for _, c := range []struct {
		n       int
		most    float64
		inverse float64 // of a scaler; 0: none
	}{{1, 10, 0}, {7, 0.5, 0}, {1024, 0.5, 0}, {5003, 1, 1.0 / 64}, {3 << 12, 1e6, 0}} {
		g, sum := randoms(r, F32, c.n, 0, 1), 0.0
		for i := range c.n {
			sum += g.at(i) * g.at(i)
		}
		var scaler *memory
		norm := math.Sqrt(sum)
		if c.inverse > 0 {
			scaler, norm = floats(1/c.inverse, c.inverse, 0, 0), norm*c.inverse
		}
		k, err := ClipSpec{c.most}.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		var first []byte
		for range 2 {
			counter, clip := counters(k), floats(7, 7)
			run(t, ClipSpec{c.most}, c.n, map[string]any{"g": g, "scaler": scaler, "partial": scratch(k, c.n), "counter": counter, "clip": clip, "n": c.n})
			want := min(1, c.most/(norm+1e-6))
			if !near(F32, clip.at(0), want, 2e-7) || !near(F32, clip.at(1), norm, 2e-7) || counter.int(0) != 0 {
				t.Errorf("%+v: want %v and %v, have %v and %v, counter %d", c, want, norm, clip.at(0), clip.at(1), counter.int(0))
			}
			if first != nil && string(first) != string(clip.data) {
				t.Errorf("%+v: other bits", c)
			}
			first = clip.data
		}
	}
	k, _ := ClipSpec{1}.Kernel()
	clip := floats(7, 7)
	run(t, ClipSpec{1}, 3, map[string]any{"g": floats(1, math.NaN(), 2), "scaler": nil, "partial": scratch(k, 3), "counter": counters(k), "clip": clip, "n": 3})
	if !math.IsNaN(clip.at(0)) || !math.IsNaN(clip.at(1)) {
		t.Errorf("of a NaN: %v and %v", clip.at(0), clip.at(1))
	}
}
