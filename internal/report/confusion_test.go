package report

import (
	"bytes"
	"image/png"
	"testing"
)

// TestConfusion: a right answer is green, a frequent mistake redder than a rare one, nothing is
// grey, and every size of matrix is a picture.
func TestConfusion(t *testing.T) {
	c := Confusion{Title: "net", Names: []string{"cat", "dog", "a longer name"}, Counts: [][]int{{90, 9, 1}, {0, 100, 0}, {60, 0, 40}}}
	var b, again bytes.Buffer
	if err := c.WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	if err := c.WritePNG(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("two drawings differ")
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	left, top := 2*confusionMargin+letterWidth*len(c.Names[2]), 2*confusionMargin+2*lineHeight
	at := func(label, class int) (r, g, b uint32) {
		r, g, b, _ = img.At(left+class*largeCell+1, top+label*largeCell+1).RGBA()
		return r >> 8, g >> 8, b >> 8
	}
	if r, g, _ := at(1, 1); r >= g {
		t.Errorf("a right answer is %d red, %d green", r, g)
	}
	_, often, _ := at(2, 0)
	red, rare, _ := at(0, 2)
	if often >= rare || red <= rare {
		t.Errorf("a frequent mistake has %d green, a rare one %d, and %d red", often, rare, red)
	}
	if r, g, b := at(1, 0); r != g || g != b {
		t.Errorf("nothing is %d %d %d", r, g, b)
	}
	for _, n := range []int{1, 20, 21, 100} {
		counts := make([][]int, n)
		for i := range counts {
			counts[i] = make([]int, n)
		}
		if err := (Confusion{Counts: counts}).WritePNG(&bytes.Buffer{}); err != nil {
			t.Errorf("%d classes: %v", n, err)
		}
	}
	for name, counts := range map[string][][]int{"none": nil, "not square": {{1, 2}, {3}}, "too many": make([][]int, 2001)} {
		if err := (Confusion{Counts: counts}).WritePNG(&bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
