package nets

import (
	"reflect"
	"sync"

	"shake/dsl"
)

// Row is one figure that the paper publishes.
type Row struct {
	Table    int     // 1, 2 or 5
	Model    string  // "26 2x32d", "14 2x32d"; in Table 5 with the architecture: "A 26 2x32d"
	Label    string  // "S-S-I", see dsl.Shake.Label
	Error    float64 // top-1 test error of the last epoch, in per cent; 0 if Diverges
	Runs     int     // whose mean it is
	Diverges bool    // the published result is that training diverges
}

// figure is a row and the network that has it.
type figure struct {
	spec *dsl.Spec
	Row
}

// paper is every figure of Tables 1, 2 and 5, from the sweeps of these names. Tables 3 and 4 repeat
// some of them.
var paper = sync.OnceValue(func() []figure {
	var figures []figure
	for _, name := range []string{"table1", "table2", "table5"} {
		s, err := LoadSweep(name)
		if err != nil { // a built-in sweep: TestPublished reads them all
			continue
		}
		for _, r := range s.Rows {
			figures = append(figures, figure{r.Spec, Row{s.Table, r.Model, experiment(r.Spec).Label(), r.Paper, r.Runs, r.Diverges}})
		}
	}
	return figures
})

// experiment is a network's regularization in one form: Even-Keep is Even-Even, and without a draw
// its level and range say nothing.
func experiment(s *dsl.Spec) dsl.Shake {
	shake := s.Shake
	if shake.Forward == dsl.Even && shake.Backward == dsl.Keep {
		shake.Backward = dsl.Even
	}
	if shake.Forward == dsl.Even && shake.Backward == dsl.Even {
		return dsl.Shake{}
	}
	return shake
}

// Published returns the paper's figure for a network. It is found by the architecture, the data
// set, the two modes, the level, and the range of the draws, not by the name. The recipe does not
// count: the figures belong to the full recipe, 1800 epochs. Cutout and random erasing are another
// experiment, for which the paper has none.
func Published(s *dsl.Spec) (row Row, ok bool) {
	holes := s.Data.Augment && (s.Data.Cutout > 0 || s.Data.Erase > 0)
	for _, f := range paper() {
		if experiment(s) == experiment(f.spec) && s.Data.Set == f.spec.Data.Set && !holes && reflect.DeepEqual(s.Net, f.spec.Net) {
			return f.Row, true
		}
	}
	return Row{}, false
}
