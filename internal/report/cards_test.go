package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"testing"
)

// busy is the course of a card over n points, a second each.
func busy(name string, n int, phase float64) CardCourse {
	c := CardCourse{Name: name, MemoryTotal: 80 << 30, PeakMemory: 41 << 30, MeanUtilization: 88, MeanPower: 412, MaxTemperature: 71}
	for i := range n {
		x := float64(i)
		c.Seconds = append(c.Seconds, x)
		c.Memory = append(c.Memory, float64(1<<30)*(38+3*phase)*(1-math.Exp(-x/5)))
		c.Utilization = append(c.Utilization, 88+6*math.Sin(x/9+phase))
		c.Power = append(c.Power, 412+40*math.Sin(x/9+phase))
		c.Temperature = append(c.Temperature, 71+2*phase-30*math.Exp(-x/30))
	}
	return c
}

// untold is a course without some of its figures.
func untold(c CardCourse, figures ...[]float64) CardCourse {
	for _, f := range figures {
		for i := range f {
			f[i] = math.NaN()
		}
	}
	return c
}

func TestCardCurves(t *testing.T) {
	gap := busy("card 1", 300, 1)
	for i := 100; i < 140; i++ {
		gap.Memory[i], gap.Utilization[i], gap.Power[i] = math.NaN(), math.NaN(), math.NaN()
	}
	blind := busy("card 0", 50, 0)
	blind.MeanUtilization = math.NaN()
	untold(blind, blind.Utilization)
	old := busy("card 0", 50, 0)
	old.MeanPower, old.MaxTemperature = math.NaN(), math.NaN()
	old.Temperature = nil
	untold(old, old.Power)
	many, equal := CardCurves{Title: "eight"}, CardCurves{Title: "26-2x32d"}
	for i := range 8 {
		name := fmt.Sprintf("card %d", i)
		many.Cards = append(many.Cards, busy(name, 200, float64(i)))
		equal.Cards = append(equal.Cards, busy(name, 200, float64(i/4)))
	}
	for name, c := range map[string]struct {
		CardCurves
		panels int
	}{
		"two":                {CardCurves{"26-2x32d", []CardCourse{busy("card 0", 300, 0), gap}}, 4},
		"two equal":          {CardCurves{"26-2x32d", []CardCourse{busy("card 0", 300, 0), busy("card 1", 300, 0)}}, 4},
		"eight":              {many, 4},
		"eight, some equal":  {equal, 4},
		"utilisation hidden": {CardCurves{"mig", []CardCourse{blind}}, 3},
		"old driver":         {CardCurves{"old", []CardCourse{old}}, 2},
		"two points":         {CardCurves{"short", []CardCourse{busy("card 0", 2, 0)}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"png", "svg"} {
				b, err := c.Encode(format)
				if err != nil {
					t.Fatal(err)
				}
				if again, _ := c.Encode(format); !bytes.Equal(b, again) {
					t.Errorf("%s: two drawings differ", format)
				}
				if dir := os.Getenv("SHAKE_TEST_PICTURES"); dir != "" {
					os.WriteFile(dir+"/cards "+name+"."+format, b, 0o666)
				}
				if format == "svg" {
					if n := bytes.Count(b, []byte(">card 0  ")); n != 1 {
						t.Errorf("%d entries of card 0 in legends, want 1", n)
					}
					panels := 0
					for _, q := range quantities {
						panels += bytes.Count(b, []byte(">"+q.label+"<"))
					}
					if heat := bytes.Contains(b, []byte(">mean 412 W, at most 71 °C<")); panels != c.panels || heat != (name != "old driver") {
						t.Errorf("%d panels, want %d; power and temperature in the legend: %t", panels, c.panels, heat)
					}
				} else if _, err := png.Decode(bytes.NewReader(b)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for name, c := range map[string]CardCurves{"no card": {}, "no value": {Cards: []CardCourse{{Name: "card 0", Seconds: []float64{0, 1}}}}} {
		if _, err := c.Encode("png"); err == nil {
			t.Errorf("%s: drew nothing without an error", name)
		}
	}
}

// TestEqualCardsAreAllSeen: of cards with equal courses none hides another, in any half of a panel.
func TestEqualCardsAreAllSeen(t *testing.T) {
	for _, n := range []int{2, 8} {
		var c CardCurves
		for range n {
			c.Cards = append(c.Cards, busy("card", 300, 0))
		}
		b, err := c.Encode("png")
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		size := m.Bounds().Size()
		plots := int(float64(size.X) * float64(curvesWidth/cardsWidth))
		for i := range n - 1 { // the last is on top, and may have the colour of text
			for part := range 8 { // four across, two down
				x, y := plots*(part%4)/4, size.Y*(part/4)/2
				if seen := pixelsOf(m, groupColor(i), image.Rect(x, y, x+plots/4, y+size.Y/2)); seen < 10 {
					t.Errorf("%d equal cards: %d pixels of card %d in part %d", n, seen, i, part)
				}
			}
		}
	}
}

// pixelsOf counts the pixels of a colour, and those near to it that smooth a line's edge.
func pixelsOf(m image.Image, want color.Color, within image.Rectangle) (n int) {
	w := color.RGBAModel.Convert(want).(color.RGBA)
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) < 24 }
	for y := within.Min.Y; y < within.Max.Y; y++ {
		for x := within.Min.X; x < within.Max.X; x++ {
			if h := color.RGBAModel.Convert(m.At(x, y)).(color.RGBA); near(h.R, w.R) && near(h.G, w.G) && near(h.B, w.B) {
				n++
			}
		}
	}
	return n
}
