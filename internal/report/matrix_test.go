package report

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// TestMatrix draws two panels with a blank cell, in both formats and twice with the same bytes.
func TestMatrix(t *testing.T) {
	m := Matrix{Panels: []Cells{
		{Title: "E-E-B", Rows: []string{"0.0", "0.1"}, Columns: []string{"01", "mean"}, Label: "run", Values: [][]float64{{0.926, -0.5}, {-0.001, math.NaN()}}},
		{Title: "S-S-I", Rows: []string{"0.0"}, Columns: []string{"01"}, Values: [][]float64{{0.2}}},
	}}
	svg, err := m.Encode("svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">E-E-B<", ">S-S-I<", ">0.93<", ">-0.50<", ">0.00<", ">0.20<", ">mean<", ">0.1<", ">run<", "fill:#137CB8", "fill:#EAAF80"} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("no %s in the picture", want)
		}
	}
	if bytes.Contains(svg, []byte("NaN")) {
		t.Error("a cell without a figure has one")
	}
	png, err := m.Encode("png")
	if err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
		t.Errorf("png: %v, %d bytes", err, len(png))
	}
	again, err := m.Encode("svg")
	if err != nil || !bytes.Equal(svg, again) {
		t.Errorf("drawn twice, the bytes differ: %v", err)
	}
	if _, err := (Matrix{}).Encode("svg"); err == nil || !strings.Contains(err.Error(), "0 matrices") {
		t.Errorf("no panels: %v", err)
	}
}

func TestFixed(t *testing.T) {
	for v, want := range map[float64]string{-0.004: "0.00", 0.006: "0.01", -0.006: "-0.01", 1: "1.00", -1: "-1.00"} {
		if have := Fixed(v, 2); have != want {
			t.Errorf("%v: want %s, have %s", v, want, have)
		}
	}
}
