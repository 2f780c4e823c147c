package data

import (
	"bytes"
	"math"
	"runtime"
	"testing"

	"shake/internal/engine"
	"shake/internal/exhaustive"
)

// TestSyntheticBits pins the set: a run's images must not change with a release or a machine.
func TestSyntheticBits(t *testing.T) {
	train, test := Synthetic(1, 300, 100)
	for _, s := range []struct {
		name string
		im   *engine.Images
		want string
	}{
		{"train", train, "084873bc3c8143a01237e17d16fdeb50c20063a0bf2f5ebff6fd986edbbcc0a6"},
		{"test", test, "0fd2ba7e86a5e0666ebc5af19075751ac2ff5eee10b390b29d6bb77a48a96d5f"},
	} {
		if have := hexSum(s.im.Pix); have != s.want {
			t.Errorf("%s: want sha256 %s, have %s", s.name, s.want, have)
		}
	}
}

func TestSyntheticIsAFunctionOfSeedSplitAndIndex(t *testing.T) {
	train, test := Synthetic(7, 40, 40)
	fewer, none := Synthetic(7, 13, -1)
	if !bytes.Equal(fewer.Pix, train.Pix[:len(fewer.Pix)]) {
		t.Error("an image depends on how many are asked for")
	}
	if none.N != 0 || len(none.Pix) != 0 || fewer.N != 13 {
		t.Errorf("want 13 and 0 images, have %d and %d", fewer.N, none.N)
	}
	procs := runtime.GOMAXPROCS(3)
	again, _ := Synthetic(7, 40, 0)
	runtime.GOMAXPROCS(procs)
	if !bytes.Equal(again.Pix, train.Pix) {
		t.Error("an image depends on the number of workers")
	}
	high, _ := Synthetic(7+1<<32, 40, 0)
	for name, other := range map[string][]byte{"the test set": test.Pix, "another seed": high.Pix} {
		for i := range 40 {
			if bytes.Equal(train.Pix[i*pixels:(i+1)*pixels], other[i*pixels:(i+1)*pixels]) {
				t.Errorf("image %d of %s is that of the training set", i, name)
			}
		}
	}
	for i, l := range train.Labels {
		if int(l) != i%10 {
			t.Fatalf("label of image %d: want %d, have %d", i, i%10, l)
		}
	}
}

func TestSyntheticMeanAndStd(t *testing.T) {
	im, _ := Synthetic(1, 1500, 0)
	mean, std := moments(im)
	for c := range mean {
		if math.Abs(mean[c]-SyntheticMean[c]) > 3.5 || math.Abs(std[c]-SyntheticStd[c]) > 1.5 {
			t.Errorf("channel %d: documented %.1f, %.1f; measured %.2f, %.2f", c, SyntheticMean[c], SyntheticStd[c], mean[c], std[c])
		}
	}
}

// moments returns the mean and standard deviation of each channel in units of a byte.
func moments(im *engine.Images) (mean, std [3]float64) {
	var sum, squares [3]float64
	for i, p := range im.Pix {
		c := i / (side * side) % 3
		sum[c] += float64(p)
		squares[c] += float64(p) * float64(p)
	}
	n := float64(im.N * side * side)
	for c := range mean {
		mean[c] = sum[c] / n
		std[c] = math.Sqrt(squares[c]/n - mean[c]*mean[c])
	}
	return mean, std
}

// TestSyntheticNeedsLearning: a classifier by single pixels or mean colours stays bad at the set.
// Chance is 90 % error.
func TestSyntheticNeedsLearning(t *testing.T) {
	exhaustive.Sequential(t)
	train, test := Synthetic(1, 1500, 300)
	x, y := normalized(train), normalized(test)
	for _, c := range []struct {
		name     string
		classify func(x, y []float32, labels []uint16) []int
		least    float64
	}{
		{"nearest neighbour", nearest, 0.6},
		{"linear softmax", linear, 0.75},
		{"nearest class by mean colour", nearestColor, 0.8},
	} {
		wrong := 0
		for i, k := range c.classify(x, y, train.Labels) {
			if k != int(test.Labels[i]) {
				wrong++
			}
		}
		err := float64(wrong) / float64(test.N)
		t.Logf("%s: %.1f %% error", c.name, 100*err)
		if err < c.least {
			t.Errorf("%s: %.1f %% error, want at least %.0f: the set is too easy", c.name, 100*err, 100*c.least)
		}
	}
}

func normalized(im *engine.Images) []float32 {
	out := make([]float32, len(im.Pix))
	for i := range im.N {
		Augment(out[i*pixels:(i+1)*pixels], im.Pix[i*pixels:(i+1)*pixels], side, side, im.Mean, im.Std, Augmentation{})
	}
	return out
}

// nearest classifies y by the image of x at the least Euclidean distance.
func nearest(x, y []float32, labels []uint16) (classes []int) {
	for ; len(y) > 0; y = y[pixels:] {
		best, class := float32(math.Inf(1)), 0
		for i, l := range labels {
			var d float32
			for p, v := range x[i*pixels : (i+1)*pixels] {
				d += (v - y[p]) * (v - y[p])
				if p%256 == 0 && d > best {
					break
				}
			}
			if d < best {
				best, class = d, int(l)
			}
		}
		classes = append(classes, class)
	}
	return classes
}

// linear trains softmax regression on raw pixels by plain gradient descent, image by image.
func linear(x, y []float32, labels []uint16) (classes []int) {
	var w [10][pixels + 1]float32
	score := func(in []float32) (s [10]float64) {
		for k := range s {
			v := w[k][pixels]
			for p, q := range in {
				v += w[k][p] * q
			}
			s[k] = float64(v)
		}
		return s
	}
	for epoch := range 6 {
		rate := 1e-4 / float64(1+epoch)
		for i, l := range labels {
			in := x[i*pixels : (i+1)*pixels]
			s := score(in)
			var sum float64
			for k := range s {
				s[k] = math.Exp(s[k])
				sum += s[k]
			}
			for k := range s {
				g := s[k] / sum
				if k == int(l) {
					g--
				}
				step := float32(-rate * g)
				for p, q := range in {
					w[k][p] += step * q
				}
				w[k][pixels] += step
			}
		}
	}
	for ; len(y) > 0; y = y[pixels:] {
		s, best := score(y[:pixels]), 0
		for k := range s {
			if s[k] > s[best] {
				best = k
			}
		}
		classes = append(classes, best)
	}
	return classes
}

// nearestColor classifies by the class whose mean colour is nearest.
func nearestColor(x, y []float32, labels []uint16) (classes []int) {
	tint := func(in []float32) (c [3]float64) {
		for p, v := range in[:pixels] {
			c[p/(side*side)] += float64(v) / (side * side)
		}
		return c
	}
	var centre [10][3]float64
	for i, l := range labels {
		for c, v := range tint(x[i*pixels:]) {
			centre[l][c] += v / float64(len(labels)/10)
		}
	}
	for ; len(y) > 0; y = y[pixels:] {
		best, class := math.Inf(1), 0
		at := tint(y)
		for k := range centre {
			d := 0.0
			for c := range at {
				d += (at[c] - centre[k][c]) * (at[c] - centre[k][c])
			}
			if d < best {
				best, class = d, k
			}
		}
		classes = append(classes, class)
	}
	return classes
}

func BenchmarkSynthetic(b *testing.B) {
	b.SetBytes(100 * pixels)
	for b.Loop() {
		Synthetic(1, 100, 0)
	}
}
