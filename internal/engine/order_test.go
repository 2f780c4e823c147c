package engine

import (
	"math"
	"slices"
	"testing"
)

func TestPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 1000} {
		p := Permutation(3, 1, n)
		sorted := slices.Sorted(slices.Values(p))
		for i := range n {
			if sorted[i] != int32(i) {
				t.Fatalf("n=%d: %v is no permutation", n, p)
			}
		}
		if n > 2 && slices.Equal(p, Permutation(3, 2, n)) {
			t.Errorf("n=%d: two epochs have one order", n)
		}
	}
	// Pinned, and equal to bench/peers/philox.py: an order that changes makes old runs
	// unrepeatable.
	if have, want := Permutation(1, 1, 8), []int32{7, 2, 6, 0, 3, 5, 4, 1}; !slices.Equal(have, want) {
		t.Errorf("seed 1, epoch 1, 8 images: want %v, have %v", want, have)
	}
}

// TestPermutationIsUniform counts the 24 orders of four images over many epochs.
func TestPermutationIsUniform(t *testing.T) {
	const epochs = 24000
	counts := map[[4]int32]int{}
	for e := range uint32(epochs) {
		counts[[4]int32(Permutation(8, e+1, 4))]++
	}
	chi2 := 0.0
	for _, c := range counts {
		chi2 += math.Pow(float64(c)-epochs/24, 2) / (epochs / 24)
	}
	if len(counts) != 24 || chi2 > 49.7 { // 0.1 % of chi-square with 23 degrees of freedom
		t.Errorf("%d orders, chi-square %v", len(counts), chi2)
	}
}

func TestAugmentDraw(t *testing.T) {
	const n, crop = 30000, 4
	flips, rows, columns := 0, make([]int, 2*crop+1), make([]int, 2*crop+1)
	for i := range n {
		flip, dy, dx := AugmentDraw(2, 3, i, crop)
		if flip {
			flips++
		}
		rows[dy]++
		columns[dx]++
	}
	if math.Abs(float64(flips)-n/2) > 4*math.Sqrt(n)/2 {
		t.Errorf("want half of %d flipped, have %d", n, flips)
	}
	for d := range rows {
		for _, c := range []int{rows[d], columns[d]} {
			if want := float64(n) / 9; math.Abs(float64(c)-want) > 4*math.Sqrt(want) {
				t.Errorf("offset %d: want about %v of %d, have %d", d, want, n, c)
			}
		}
	}
	if _, dy, dx := AugmentDraw(2, 3, 4, 0); dy != 0 || dx != 0 {
		t.Errorf("no crop: want offsets of 0, have %d and %d", dy, dx)
	}
}

// TestSplit: both parts together are all images, each in rising order; another seed draws others.
func TestSplit(t *testing.T) {
	train, validation := Split(7, 100, 30)
	if len(train) != 70 || len(validation) != 30 || !slices.IsSorted(train) || !slices.IsSorted(validation) {
		t.Fatalf("%v and %v", train, validation)
	}
	all := append(slices.Clone(train), validation...)
	slices.Sort(all)
	for i, j := range all {
		if int(j) != i {
			t.Fatalf("image %d is missing or there twice", i)
		}
	}
	if _, other := Split(8, 100, 30); slices.Equal(validation, other) || validation[0] > 20 || validation[29] < 80 {
		t.Errorf("drawn: %v, by another seed %v", validation, other)
	}
}
