package report

import (
	"bytes"
	"image/png"
	"math"
	"testing"
)

// decay is a run of n epochs that learns, like a real one.
func decay(n int) Curves {
	c := Curves{Title: "26-2x32d"}
	for e := 1; e <= n; e++ {
		x := float64(e) / float64(n)
		noise := math.Sin(float64(e)*12.9898) * (1 - x)
		c.Points = append(c.Points, Point{
			Epoch: float64(e), TrainError: 60*math.Exp(-8*x) + 2 + noise, TestError: 55*math.Exp(-7*x) + 3.5 + 1.5*noise,
			TrainLoss: 1.8*math.Exp(-7*x) + .06, TestLoss: 1.6*math.Exp(-6*x) + .12,
		})
	}
	return c
}

func TestCurvesEncode(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]Curves{
		"long":         decay(300),
		"short":        decay(12),
		"one":          decay(1),
		"no test set":  {Points: []Point{{1, 40, nan, 1, nan, nan, nan}, {2, 30, nan, .8, nan, nan, nan}}},
		"all known":    {Points: []Point{{1, 40, 0, 1, 0, nan, nan}, {2, 0, 0, 0, 0, nan, nan}}},
		"infinite":     {Points: []Point{{1, 90, 90, 2.3, math.Inf(1), nan, nan}}},
		"zero on log":  {Points: []Point{{1, 40, 50, 1, 1, nan, nan}, {2, .1, 2, .01, .1, nan, nan}, {3, 0, 2, 0, .1, nan, nan}}},
		"part of one":  {Points: []Point{{.25, 90, 91, 2.3, 2.3, nan, nan}}},
		"nothing real": {Points: []Point{{1, nan, nan, nan, nan, nan, nan}}},
		"validation":   {Points: []Point{{1, 40, 50, 1, 1.2, 51, 1.3}, {2, 30, 45, .8, .9, 44, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"png", "svg"} {
				b, err := c.Encode(format)
				if err != nil {
					t.Fatal(err)
				}
				again, _ := c.Encode(format)
				if !bytes.Equal(b, again) {
					t.Errorf("%s: two drawings differ", format)
				}
				if format == "svg" {
					if !bytes.Contains(b, []byte("<svg")) || !bytes.Contains(b, []byte("training")) && name != "nothing real" {
						t.Error("no svg with a legend")
					}
					continue
				}
				img, err := png.Decode(bytes.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				if img.Bounds().Dx() < 800 {
					t.Errorf("picture is %v", img.Bounds())
				}
			}
		})
	}
	if _, err := (Curves{}).Encode("png"); err == nil {
		t.Error("drew nothing without an error")
	}
	if _, err := decay(2).Encode("gif87"); err == nil {
		t.Error("an unknown format gave no error")
	}
}

// TestLegendPlace: the legend leaves the top to curves that stay there.
func TestLegendPlace(t *testing.T) {
	nan := math.NaN()
	flat := Curves{Points: []Point{{1, 90, 91, 2.3, 2.3, nan, nan}, {2, 89, 90, 2.3, 2.3, nan, nan}}}
	apart := Curves{Points: []Point{{1, 90, 91, 2.3, 2.3, nan, nan}, {2, 15, 90, 2.3, 2.3, nan, nan}}}
	of := func(p Point) [3]float64 { return [3]float64{p.TrainError, p.TestError, p.ValError} }
	for _, c := range []struct {
		curves Curves
		top    bool
	}{{flat, false}, {apart, true}, {decay(12), true}, {decay(300), true}} {
		p, err := c.curves.panel("", errorLabel, "%.2f%%", of)
		if err != nil {
			t.Fatal(err)
		}
		if p.Legend.Top != c.top {
			t.Errorf("%d points from %v: the legend is at the top: %t, want %t", len(c.curves.Points), c.curves.Points[0], p.Legend.Top, c.top)
		}
	}
	course := Course{Name: "flat", Runs: [][]Point{flat.Points}}
	if p := (Overlay{}).panel(Panel{Courses: []Course{course}}); p.Legend.Top {
		t.Error("an overlay's legend covers curves at the top")
	}
}
