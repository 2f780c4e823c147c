package report

import (
	"math"
	"strings"
	"testing"
)

func sample() *Table {
	return &Table{
		Columns: []Column{{Title: "net"}, {Title: "error", Verb: "%.2f", Right: true}, {Title: "note"}},
		Rows:    [][]any{{"26-2x32d", 3.55, "S-S-I"}, {"größer", 12.0, nil}, {"c"}, {"d", math.NaN(), "diverged"}},
	}
}

func TestTableText(t *testing.T) {
	var b strings.Builder
	if err := sample().Text(&b); err != nil {
		t.Fatal(err)
	}
	want := "net       error  note\n26-2x32d   3.55  S-S-I\ngrößer    12.00\nc\nd           NaN  diverged\n"
	if b.String() != want {
		t.Errorf("have\n%swant\n%s", b.String(), want)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ have, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(2923162), "2,923,162"}, {Count(-1000), "-1,000"},
		{Bytes(1023), "1023 B"}, {Bytes(1536), "1.5 KiB"}, {Bytes(3 << 30), "3.0 GiB"},
		{Duration(42), "42 s"}, {Duration(200), "3 m 20 s"}, {Duration(18720), "5 h 12 m"}, {Duration(183600), "2 d 3 h"},
	} {
		if c.have != c.want {
			t.Errorf("have %q, want %q", c.have, c.want)
		}
	}
}

func TestSummary(t *testing.T) {
	r := Result{Name: "26-2x32d", TrainError: 1.5, TestError: 3.612, TestLoss: .2, TestImages: 10000, Epochs: 1800, Steps: 703800, Seconds: 7260, ImagesPerSec: 151.4, Dir: "runs/x"}
	for _, c := range []struct {
		name  string
		r     Result
		paper *Figure
		want  []string
		not   []string
	}{
		{"with the paper", r, &Figure{"26 2x32d S-S-I", "Table 1", 3.55}, []string{"3.61% of 10,000 images", "last epoch", "3.55%  Table 1: 26 2x32d S-S-I", "151 img/s", "2 h 1 m", "703,800 steps"}, nil},
		{"without", r, nil, []string{"3.61%"}, []string{"paper"}},
		{"diverged", Result{Name: "c", Diverged: "diverged at epoch 1, iteration 3"}, nil, []string{"diverged at epoch 1, iteration 3"}, []string{"test error", "img/s"}},
		{"no test set", Result{Name: "c", Epochs: 1}, nil, []string{"no test set"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := Summary(&b, c.r, c.paper); err != nil {
				t.Fatal(err)
			}
			for _, s := range c.want {
				if !strings.Contains(b.String(), s) {
					t.Errorf("%q is missing in\n%s", s, b.String())
				}
			}
			for _, s := range c.not {
				if strings.Contains(b.String(), s) {
					t.Errorf("%q stands in\n%s", s, b.String())
				}
			}
		})
	}
}
