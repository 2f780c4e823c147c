package nets

import (
	"reflect"
	"sync"

	"shake/dsl"
)

// Row is one figure that the paper publishes.
type Row struct {
	Table    int     // 1, 2 or 5
	Model    string  // "26 2x32d", "29 2x4x64d", "14 2x32d"; in Table 5 with the architecture: "A 26 2x32d"
	Label    string  // "S-S-I", see dsl.Shake.Label
	Error    float64 // top-1 test error of the last epoch, in per cent; 0 if Diverges
	Runs     int     // whose mean it is
	Diverges bool    // the published result is that training diverges
}

// figure is a row and what a network must be to be compared with it: the architecture and the data set of a built-in one,
// and the regularization.
type figure struct {
	net string // built-in network
	at  [2]float64
	Row
}

var (
	unit  = [2]float64{0, 1}
	paper = []figure{
		{"26-2x32d", unit, Row{1, "26 2x32d", "E-E-B", 4.27, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "E-S-B", 4.44, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "S-K-B", 4.11, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "S-E-B", 3.47, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "S-S-B", 3.67, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "E-S-I", 4.11, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "S-K-I", 4.09, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "S-E-I", 3.47, 3, false}},
		{"26-2x32d", unit, Row{1, "26 2x32d", "S-S-I", 3.55, 3, false}},
		{"26-2x64d", unit, Row{1, "26 2x64d", "E-E-B", 3.76, 3, false}},
		{"26-2x64d", unit, Row{1, "26 2x64d", "S-E-B", 3.30, 3, false}},
		{"26-2x64d", unit, Row{1, "26 2x64d", "S-S-B", 3.07, 3, false}},
		{"26-2x64d", unit, Row{1, "26 2x64d", "S-E-I", 3.20, 3, false}},
		{"26-2x64d", unit, Row{1, "26 2x64d", "S-S-I", 2.98, 3, false}},
		{"26-2x96d", unit, Row{1, "26 2x96d", "E-E-B", 3.58, 5, false}},
		{"26-2x96d", unit, Row{1, "26 2x96d", "S-S-I", 2.86, 5, false}},

		{"resnext29", unit, Row{2, "29 2x4x64d", "E-E-B", 16.34, 2, false}},
		{"resnext29", unit, Row{2, "29 2x4x64d", "S-E-I", 15.85, 3, false}},
		{"resnext29", unit, Row{2, "29 2x4x64d", "S-S-I", 15.97, 1, false}},

		{"a", unit, Row{5, "A 26 2x32d", "E-E-B", 4.84, 1, false}},
		{"a", unit, Row{5, "A 26 2x32d", "S-E-I", 4.05, 1, false}},
		{"a", unit, Row{5, "A 26 2x32d", "S-S-I", 4.59, 1, false}},
		{"b", unit, Row{5, "B 26 2x32d", "E-E-B", 5.17, 2, false}},
		{"b", unit, Row{5, "B 26 2x32d", "S-E-I", 5.09, 2, false}},
		{"b", unit, Row{5, "B 26 2x32d", "S-S-I", 5.20, 2, false}},
		{"c", unit, Row{5, "C 14 2x32d", "E-E-B", 9.65, 1, false}},
		{"c", [2]float64{0.4, 0.6}, Row{5, "C 14 2x32d", "S-E-I", 8.7, 1, false}},
		{"c", [2]float64{0.35, 0.65}, Row{5, "C 14 2x32d", "S-E-I", 7.73, 1, false}},
		{"c", [2]float64{0.3, 0.7}, Row{5, "C 14 2x32d", "S-E-I", 0, 1, true}},
	}
)

// builtin is the built-in networks by name, read once.
var builtin = sync.OnceValue(func() map[string]*dsl.Spec {
	m := map[string]*dsl.Spec{}
	for _, name := range Names() {
		if s, err := Load(name); err == nil {
			m[name] = s
		}
	}
	return m
})

// Published returns the paper's figure for a network. What counts is what the network is, not what it is called: its architecture, data set, the two modes, the
// level, and the range of the draws. The recipe does not count: the figures are those of the full recipe, 1800 epochs.
func Published(s *dsl.Spec) (row Row, ok bool) {
	shake := s.Shake
	if shake.Forward == dsl.Even && shake.Backward == dsl.Keep {
		shake.Backward = dsl.Even
	}
	label := shake.Label()
	for _, f := range paper {
		drawn := label != "E-E-B" // without a draw its range says nothing
		if f.Label != label || drawn && f.at != shake.Range {
			continue
		}
		if b := builtin()[f.net]; b != nil && s.Data.Set == b.Data.Set && reflect.DeepEqual(s.Net, b.Net) {
			return f.Row, true
		}
	}
	return Row{}, false
}
