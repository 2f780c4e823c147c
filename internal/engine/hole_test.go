package engine

import (
	"math"
	"testing"
)

// TestCutout: the square has its whole side where its centre is far from the edges, every pixel of
// the image is the centre equally often, and the rest is cut off.
func TestCutout(t *testing.T) {
	const n, h, w = 40000, 10, 12
	whole := 0
	covered := make([]float64, h*w)
	for i := range n {
		holes := Holes(3, 4, i, h, w, 4, 0)
		c := holes[0]
		if c.Y0 < 0 || c.X0 < 0 || c.Y1 > h || c.X1 > w || c.Y0 >= c.Y1 || c.X0 >= c.X1 || c.Y1-c.Y0 > 4 || c.X1-c.X0 > 4 || holes[1] != (Hole{}) {
			t.Fatalf("image %d: %+v", i, holes)
		}
		if c.Y1-c.Y0 == 4 && c.X1-c.X0 == 4 {
			whole++
		}
		for y := c.Y0; y < c.Y1; y++ {
			for x := c.X0; x < c.X1; x++ {
				covered[y*w+x]++
			}
		}
	}
	// Centres at rows 2 .. h-2 and columns 2 .. w-2 have the whole square.
	if want := float64(n) * 7 * 9 / (h * w); math.Abs(float64(whole)-want) > 5*math.Sqrt(want) {
		t.Errorf("want about %v whole squares, have %d", want, whole)
	}
	for y := range h {
		for x := range w {
			centres := float64(min(y+2, h-1)-max(y-1, 0)+1) * float64(min(x+2, w-1)-max(x-1, 0)+1)
			want := n * centres / (h * w)
			if have := covered[y*w+x]; math.Abs(have-want) > 5*math.Sqrt(want) {
				t.Errorf("pixel %d, %d: want it covered about %v times, have %v", y, x, want, have)
			}
		}
	}
}

// TestErase: half of the images are erased, with areas and ratios of the paper's ranges.
func TestErase(t *testing.T) {
	const n, side = 20000, 100
	erased, area := 0, 0.0
	for i := range n {
		e := Holes(3, 4, i, side, side, 0, 0.5)[1]
		if e == (Hole{}) {
			continue
		}
		erased++
		h, w := e.Y1-e.Y0, e.X1-e.X0
		if e.Y0 < 0 || e.X0 < 0 || e.Y1 > side || e.X1 > side || h < 1 || w < 1 {
			t.Fatalf("image %d: %+v", i, e)
		}
		area += float64(h * w)
		if r := float64(h) / float64(w); h < side && w < side && (r < 0.25 || r > 4 || h*w < 160 || h*w > 4000) {
			t.Errorf("image %d: %d×%d", i, h, w)
		}
	}
	if math.Abs(float64(erased)-n/2) > 4*math.Sqrt(n)/2 {
		t.Errorf("%d of %d are erased", erased, n)
	}
	if mean := area / float64(erased) / (side * side); mean < 0.19 || mean > 0.21 {
		t.Errorf("the mean area is %v of the image", mean)
	}
	for _, size := range [][2]int{{1, 1}, {1, 9}, {2, 1}, {224, 3}} {
		for i := range 200 {
			for _, hole := range Holes(1, 1, i, size[0], size[1], 3, 1) {
				if hole.Y0 < 0 || hole.X0 < 0 || hole.Y1 > size[0] || hole.X1 > size[1] || hole.Y0 > hole.Y1 || hole.X0 > hole.X1 {
					t.Fatalf("%v: %+v", size, hole)
				}
			}
		}
	}
}
