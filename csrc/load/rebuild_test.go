package load

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// probe prints the name of a status of cuDNN; the names come from the constants of cudnn.h.
const probe = `package main

import (
	"fmt"

	"shake/cudnn"
)

func main() { fmt.Println(cudnn.Status(2000), cudnn.Status(2999)) }
`

// TestHeadersRebuildDependents changes a constant of cudnn.h in a copy of the binding. The program
// that is built then must know the new value, although cudnn's own files are unchanged and compiled
// in the build cache.
func TestHeadersRebuildDependents(t *testing.T) {
	copied := moduleOf(t, "csrc/load", "cudnn", "cudnn/cuda", "internal/files")
	write(t, filepath.Join(copied, "probe", "main.go"), probe)

	before := build(t, copied)
	if want := "CUDNN_STATUS_BAD_PARAM CUDNN_STATUS 2999"; before != want {
		t.Fatalf("before the change the program says %q, want %q", before, want)
	}
	header := filepath.Join(copied, "csrc", "load", "cudnn.h")
	text, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "C(CUDNN_STATUS_BAD_PARAM, 2000)", "C(CUDNN_STATUS_BAD_PARAM, 2999)", 1)
	if changed == string(text) {
		t.Fatalf("%s has no CUDNN_STATUS_BAD_PARAM of 2000 to change", header)
	}
	write(t, header, changed)
	if after, want := build(t, copied), "CUDNN_STATUS 2000 CUDNN_STATUS_BAD_PARAM"; after != want {
		t.Errorf("after the change the program says %q, want %q: it was built from a stale cudnn.h", after, want)
	}
}

// moduleOf copies this module's go.mod and some of its rooms, tests aside, to a temporary folder.
func moduleOf(t *testing.T, rooms ...string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range append(rooms, "go.mod", "go.sum") {
		from := filepath.Join("..", "..", filepath.FromSlash(name))
		entries, err := os.ReadDir(from)
		if err != nil { // not a folder
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(to, name), string(text))
			continue
		}
		for _, e := range entries {
			if e.IsDir() || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(from, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(to, filepath.FromSlash(name), e.Name()), string(text))
		}
	}
	return to
}

// build compiles the probe and returns its output.
func build(t *testing.T, module string) string {
	t.Helper()
	c := exec.Command("go", "run", "./probe")
	c.Dir = module
	c.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", c.Args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
