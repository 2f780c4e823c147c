package report

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"testing"
)

// TestTimeline: the legend stays within the picture beside short and long names of lanes, and all
// of its groups are seen.
func TestTimeline(t *testing.T) {
	for name, c := range map[string]struct {
		lanes         []string
		high, lanesAt int // pixels
	}{
		"short names": {[]string{"operations", "stream 0"}, 259, 80},
		"long names":  {[]string{"operations", "card 1: stream 2, of sums over cards", "sums over cards, not hidden"}, 349, 110},
	} {
		t.Run(name, func(t *testing.T) {
			line := Timeline{Title: "a step", Groups: []string{"convolutions", "convolutions backward", "weight gradients", "norms", "head", "images and draws", "SGD, packing, exchange", "joins and gradients"}}
			for _, lane := range c.lanes {
				l := Lane{Name: lane}
				for g := range line.Groups {
					l.Bars = append(l.Bars, Bar{g, float64(10 * g), float64(10*g + 9)})
				}
				line.Lanes = append(line.Lanes, l)
			}
			b, err := line.Encode("png")
			if err != nil {
				t.Fatal(err)
			}
			if dir := os.Getenv("SHAKE_TEST_PICTURES"); dir != "" {
				os.WriteFile(dir+"/timeline "+name+".png", b, 0o666)
			}
			m, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			size := m.Bounds().Size()
			if size.Y != c.high {
				t.Errorf("the picture is %d high, want %d", size.Y, c.high)
			}
			for y := range size.Y {
				if r, g, b, _ := m.At(size.X-1, y).RGBA(); r&g&b != 0xffff {
					t.Fatalf("the picture's right edge cuts something off at height %d", y)
				}
			}
			for i, group := range line.Groups[:7] { // the last has the colour of text
				above := image.Rect(0, 0, size.X, c.lanesAt)
				if n := pixelsOf(m, groupColor(i), above); n < 150 {
					t.Errorf("%d pixels of %s above the lanes: its box is not there", n, group)
				}
			}
		})
	}
	if _, err := (Timeline{}).Encode("png"); err == nil {
		t.Error("drew nothing without an error")
	}
}
