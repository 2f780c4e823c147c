// Package golden compares the output of a test with a file that is on record. Only tests import it.
package golden

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// Updating tells whether the test was run with -update.
func Updating() bool { return *update }

// Compare fails t where have is not the content of file, and prints the difference. With -update it
// writes the file instead.
func Compare(t testing.TB, file, have string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), have); d != "" {
		t.Errorf("%s changed (-want +have); if meant, run the test with -update:\n%s", file, d)
	}
}
