package cudnn

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/csrc/load"
)

// TestNeeds: NVIDIA's cuDNN without cuBLASLt would end the process, so it is refused.
func TestNeeds(t *testing.T) {
	t.Setenv("SHAKE_LIBRARY_PATH", t.TempDir())
	if path, _, err := load.Look(load.CUBLASLT); err == nil {
		t.Skipf("this machine has %s", path)
	}
	folder := filepath.Join(t.TempDir(), "cudnn", "lib")
	file := filepath.Join(folder, "libcudnn.so.9")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := needs(file, 13000); err != nil {
		t.Errorf("a library of one part: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "libcudnn_graph.so.9"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var missing *load.NotFoundError
	if err := needs(file, 13000); !errors.As(err, &missing) || !strings.Contains(err.Error(), "libcublasLt.so.13") {
		t.Errorf("have %v, want a *NotFoundError of libcublasLt.so.13", err)
	}
	beside := filepath.Join(folder, "../../cu13/lib")
	if err := os.MkdirAll(beside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(beside, "libcublasLt.so.13"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := needs(file, 13000); err != nil {
		t.Errorf("with one where cuDNN looks itself: %v", err)
	}
}
