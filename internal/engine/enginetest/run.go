package enginetest

import (
	"slices"
	"testing"

	"shake/internal/engine"
	"shake/internal/exhaustive"
)

// Run is the suite: every case against PyTorch within tol, then the contract of engine.Program,
// then the mistakes of other implementations that a program can show. Each is a subtest; a
// backend's test is one call. A backend that is slow to test names the cases that make test runs;
// make check runs all of them.
func Run(t *testing.T, b engine.Backend, tol Tolerances, quick ...string) {
	all := names(t)
	for _, name := range quick {
		if !slices.Contains(all, name) {
			t.Errorf("no case %q", name)
		}
	}
	for _, name := range all {
		t.Run("Vectors/"+name, func(t *testing.T) {
			if len(quick) > 0 && !slices.Contains(quick, name) {
				exhaustive.Only(t)
			}
			vectors(t, b, tol, name)
		})
	}
	for _, c := range contract {
		t.Run("Contract/"+c.name, func(t *testing.T) { c.test(t, b) })
	}
	for _, c := range deviations {
		t.Run("Deviation_"+c.name, func(t *testing.T) { c.test(t, b) })
	}
}

// check is one named test of a backend.
type check struct {
	name string
	test func(t *testing.T, b engine.Backend)
}
