package emu

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealCuDNNAnswers compares the real library with the answers that cudnn/test/strict_test.cc
// has for it. The list has answers of 9.28, 9.19 and 9.10.
func TestRealCuDNNAnswers(t *testing.T) {
	root := os.Getenv("SHAKE_NVIDIA")
	if root == "" {
		t.Skip("SHAKE_NVIDIA names no folder of NVIDIA's wheels, so the real cuDNN was not tried")
	}
	dir := t.TempDir()
	program, driver := filepath.Join(dir, "strict_test"), filepath.Join(dir, "libcuda.so.1")
	for _, args := range [][]string{
		{"c++", "-std=c++17", "-o", program, filepath.Join("cudnn", "test", "strict_test.cc"), "-ldl"},
		{"cc", "-shared", "-fPIC", "-DDRIVER=13000", "-x", "c", filepath.Join("..", "..", "cudnn", "cudnntest", "libcuda.c.txt"), "-o", driver, "-Wl,-soname,libcuda.so.1"},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	libs, _ := filepath.Glob(filepath.Join(root, "nvidia", "*", "lib"))
	t.Setenv("LD_LIBRARY_PATH", strings.Join(libs, ":"))
	out, err := exec.Command(program, filepath.Join(root, "nvidia", "cudnn", "lib", "libcudnn.so.9"), "real", driver).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
