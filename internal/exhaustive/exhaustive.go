// Package exhaustive marks the tests that make test leaves out, so that it stays short, and that
// make check runs. A marked test says so when it skips; make check-list prints all marks. Only
// tests import it.
package exhaustive

import (
	"os"
	"testing"
)

// Variable is set to 1 by make check.
const Variable = "SHAKE_CHECK"

// On tells whether exhaustive tests run: under make check, and wherever tests have a real card
// (SHAKE_REQUIRE_GPU=1), whose time is not the test's.
func On() bool { return os.Getenv(Variable) == "1" || os.Getenv("SHAKE_REQUIRE_GPU") == "1" }

// Only skips the rest of t under make test. It stands in tests whose fault a smaller test of the
// same package would probably show too: another size, another network, another instruction set.
func Only(t testing.TB) {
	t.Helper()
	if !On() {
		t.Skip("exhaustive: only make check runs it (" + Variable + "=1)")
	}
}

// Sequential skips the rest of t under -short, which make race has. One goroutine computes, so
// that the race detector, ten times as slow, has nothing to find.
func Sequential(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("one goroutine computes: not with -short, as make race has it")
	}
}
