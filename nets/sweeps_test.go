package nets

import (
	"slices"
	"testing"

	"shake/dsl"
)

// TestSweeps reads every built-in sweep and counts its runs.
func TestSweeps(t *testing.T) {
	want := map[string]struct{ rows, runs int }{
		"table1": {16, 14*3 + 2*5}, "table2": {3, 6}, "table3": {2, 8}, "table4": {6, 6}, "table5": {10, 3 + 6 + 4},
		"figure2": {6, 6}, "figure6": {10, 10}, "small": {9, 27},
	}
	names := SweepNames()
	if len(names) != len(want) {
		t.Errorf("sweeps %v", names)
	}
	for _, name := range names {
		s, err := LoadSweep(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		runs := 0
		for _, r := range s.Rows {
			runs += len(r.Seeds)
			if r.Model == "" || r.Spec == nil || len(r.Overrides) == 0 {
				t.Errorf("%s: row %+v", name, r)
			}
		}
		if have := (struct{ rows, runs int }{len(s.Rows), runs}); have != want[name] {
			t.Errorf("%s: rows and runs %v, want %v", name, have, want[name])
		}
		if s.Name != name || s.Title == "" || slices.Contains([]string{"table1", "table2", "table3", "table4", "table5"}, name) != (s.Table > 0) {
			t.Errorf("%s: %q, %q, table %d", name, s.Name, s.Title, s.Table)
		}
	}
}

// TestTablesAgree: a figure that two tables have is the same in both, and belongs to the same
// network.
func TestTablesAgree(t *testing.T) {
	for _, name := range []string{"table3", "table4"} {
		s, err := LoadSweep(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range s.Rows {
			row, ok := Published(r.Spec)
			if r.Paper != row.Error || ok != (r.Paper > 0) {
				t.Errorf("%s, %s: %.2f %%, elsewhere %+v", name, r.Name, r.Paper, row)
			}
		}
		for _, r := range s.Rows {
			if m := r.Spec.Shake.Backward; name == "table4" && (m < dsl.Keep || r.Spec.Shake.Level != dsl.Image) {
				t.Errorf("%s, %s: %+v", name, r.Name, r.Spec.Shake)
			}
		}
	}
}
