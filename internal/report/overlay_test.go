package report

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// course is n runs of so many epochs, the last one cut short.
func course(name string, n, epochs int, worse float64) Course {
	c := Course{Name: name}
	for r := range n {
		run := decay(epochs).Points
		for i := range run {
			run[i].TrainError += worse + 0.3*float64(r)
			run[i].TestError += worse + 0.4*float64(r)
		}
		if r == n-1 && n > 1 {
			run = run[:epochs/2]
		}
		c.Runs = append(c.Runs, run)
	}
	for e := range epochs {
		c.LR = append(c.LR, 0.1*(1+math.Cos(math.Pi*float64(e+1)/float64(epochs))))
	}
	return c
}

func TestOverlay(t *testing.T) {
	var many []Course
	for i, name := range []string{"E-E-B", "E-S-B", "S-K-B", "S-E-B", "S-S-B", "E-S-I", "S-K-I", "S-E-I", "S-S-I"} {
		many = append(many, course(name, 3, 1800, float64(i)))
	}
	for name, o := range map[string]Overlay{
		"long":    {Panels: []Panel{{Title: "26 2x32d", Courses: many}, {Title: "26 2x96d", Courses: many[:2]}}, LR: true},
		"short":   {Panels: []Panel{{Title: "quick", Courses: []Course{course("a", 1, 6, 0), course("b", 3, 6, 5)}}}},
		"nothing": {Panels: []Panel{{Title: "none", Courses: []Course{{Name: "not run"}, {Name: "no test", Runs: [][]Point{{{Epoch: 1, TrainError: 40, TestError: math.NaN(), TrainLoss: 1, TestLoss: 1}}}}}}}},
		"wrong":   {Panels: []Panel{{Courses: []Course{{Name: "all", Runs: [][]Point{{{Epoch: 1, TrainError: 100, TestError: 100, TrainLoss: 1, TestLoss: 1}, {Epoch: 2, TrainLoss: 1, TestLoss: 1}}}}}}}},
	} {
		for _, format := range []string{"png", "svg"} {
			b, err := o.Encode(format)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if again, _ := o.Encode(format); !bytes.Equal(b, again) {
				t.Errorf("%s: two drawings differ", name)
			}
			if _, err := png.Decode(bytes.NewReader(b)); format == "png" && err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if format == "svg" && name != "nothing" {
				for _, c := range o.Panels[0].Courses {
					if !strings.Contains(string(b), c.Name) {
						t.Errorf("%s: no %s in the legend", name, c.Name)
					}
				}
			}
			if dir := os.Getenv("SHAKE_TEST_PICTURES"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, "overlay-"+strings.ReplaceAll(name, " ", "-")+"."+format), b, 0o644); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if _, err := (Overlay{}).Encode("png"); err == nil {
		t.Error("a picture of nothing")
	}
}

// TestSpread: means and extremes are over the runs that have the epoch.
func TestSpread(t *testing.T) {
	runs := [][]Point{{{Epoch: 1, TrainError: 10}, {Epoch: 2, TrainError: 8}}, {{Epoch: 1, TrainError: 20}, {Epoch: 2, TrainError: math.NaN()}}, {{Epoch: 1, TrainError: 30}}}
	s := spreadOf(runs, func(q Point) float64 { return q.TrainError })
	if s.runs != 3 || len(s.mean) != 2 || s.mean[0].Y != 20 || s.low[0].Y != 10 || s.high[0].Y != 30 || s.mean[1].Y != 8 {
		t.Errorf("have %+v", s)
	}
}
