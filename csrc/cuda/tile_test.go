package cuda

import "testing"

// TestShares checks that blocks fill whole waves: the fewest blocks that take the least time.
func TestShares(t *testing.T) {
	for _, c := range []struct {
		name                 string
		images, passes, room int
		want                 int
	}{
		{"one block an image fills a third of the room", 128, 16, 396, 3},
		{"four would begin a second wave", 128, 16, 511, 3},
		{"a wave and a half becomes three", 384, 32, 264, 2},
		{"no more blocks than passes", 128, 2, 660, 2},
		{"one pass", 128, 1, 660, 1},
		{"one image", 1, 8, 264, 8},
		{"far more images than room", 5000, 4, 264, 1},
	} {
		if have := shares(c.images, c.passes, c.room); have != c.want {
			t.Errorf("%s: %d images, %d passes, room for %d: want %d, have %d", c.name, c.images, c.passes, c.room, c.want, have)
		}
	}
}

// TestFit checks that the room of a card changes the grid of kernels over elements and of no other
// kernel: sums must be cut the same way on every card.
func TestFit(t *testing.T) {
	shape := Shape{Type: BF16, H: 32, W: 32, Replicas: 2}
	s := Slice{C: 64, Pitch: 64}
	for _, c := range []struct {
		name    string
		spec    Spec
		changes bool
	}{
		{"apply", ApplySpec{Shape: shape, X: View{Slice: s}, Y: s}, true},
		{"gradsum without sums", GradSumSpec{Shape: shape, Dst: s, DX: &s, Accumulate: true}, true},
		{"gradsum", GradSumSpec{Shape: shape, Dst: s, Read: true, Sums: []Grad{{G: s, Norm: &NormRef{C: 64}, Y: &s}}}, false},
		{"stats", StatsSpec{shape, s, []StatsOf{{0, 64, NormRef{C: 64}}}}, false},
		{"metrics", MetricsSpec{}, false},
	} {
		k, err := c.spec.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		small, large := k.Fit(128, 132), k.Fit(128, 1024)
		if (small != large) != c.changes || !c.changes && small != k.Launch(128) {
			t.Errorf("%s: room for 132 blocks gives %v, for 1024 %v", c.name, small, large)
		}
	}
}
