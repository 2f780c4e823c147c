package cuda_test

import (
	"io"
	"os"
	"testing"

	"shake/cudnn/cuda"
)

func init() { cuda.RunExample = runExample }

// runExample runs the example and returns what it prints; a mistake in it ends the process.
func runExample(t *testing.T) string {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	Example()
	os.Stdout = stdout
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
