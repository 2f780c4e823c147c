package enginetest

import (
	"testing"

	"shake/internal/engine"
)

// Run is the suite: every case against PyTorch within tol, then the contract of engine.Program, then the mistakes of other implementations
// that a program can show. Each is a subtest; a backend's test is one call.
func Run(t *testing.T, b engine.Backend, tol Tolerances) {
	for _, name := range names(t) {
		t.Run("Vectors/"+name, func(t *testing.T) { vectors(t, b, tol, name) })
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
