package load

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fake returns surroundings with only the given variables and an empty root folder.
func fake(t *testing.T, env map[string]string) surroundings {
	t.Helper()
	return surroundings{
		getenv: func(name string) string { return env[name] },
		python: func() string { return env["python"] },
		root:   env["root"],
	}
}

func TestPlaces(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a[b]c*") // brackets and stars in a path are not a pattern
	for _, dir := range []string{
		"usr/local/cuda-12.9/lib64", "usr/local/cuda-12.10/lib64", "usr/lib/wsl/lib", "usr/local/lib/python3.11/dist-packages/nvidia/cudnn/lib",
		"toolkit/lib64", "venv/lib/python3.12/site-packages/nvidia/cu12/lib", "venv/lib/python3.12/site-packages/nvidia/cu13/lib",
		"conda/lib", "py/bin", "py/lib/python3.13/site-packages/nvidia/cuda_nvrtc/lib", "me/.local/lib/python3.13/site-packages/nvidia/cudnn/lib",
		"mine/nvidia/cu13/lib",
	} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := fake(t, map[string]string{
		"SHAKE_LIBRARY_PATH": root + "/mine:" + root + "/absent", "CUDA_HOME": root + "/toolkit", "VIRTUAL_ENV": root + "/venv", "CONDA_PREFIX": root + "/conda",
		"HOME": root + "/me", "python": root + "/py/bin/python3", "root": root,
	})
	var have []string
	for _, p := range s.places() {
		name := p.String()
		if p.told {
			name = "told:" + name
		}
		have = append(have, strings.ReplaceAll(name, root, ""))
	}
	want := []string{
		"told:/mine", "told:/mine/nvidia/cu13/lib", "told:/absent", "the loader's path", "/toolkit/lib64",
		"/usr/local/cuda/lib64", "/usr/local/cuda-12.10/lib64", "/usr/local/cuda-12.9/lib64", "/usr/lib/" + triplet(), "/usr/lib64", "/usr/lib/wsl/lib",
		"/venv/lib/python3.12/site-packages/nvidia/cu13/lib", "/venv/lib/python3.12/site-packages/nvidia/cu12/lib", "/conda/lib",
		"/py/lib/python3.13/site-packages/nvidia/cuda_nvrtc/lib", "/me/.local/lib/python3.13/site-packages/nvidia/cudnn/lib",
		"/usr/local/lib/python3.11/dist-packages/nvidia/cudnn/lib",
	}
	if !slices.Equal(have, want) {
		t.Errorf("have %s\nwant %s", strings.Join(have, "\n     "), strings.Join(want, "\n     "))
	}
}

// library compiles a shared library from C source. Without a C compiler it skips the test.
func library(t *testing.T, path, source string) {
	t.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		t.Skipf("no C compiler to make a library with: %v", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(cc, "-shared", "-fPIC", "-x", "c", "-", "-o", path, "-Wl,-soname,"+filepath.Base(path))
	c.Stdin = strings.NewReader(source)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// spare is a library that no machine has.
var spare = &Library{Name: "libskspare", What: "a library of tests", Files: []string{"libskspare.so.2", "libskspare.so.1"}, Remedy: "install the moon"}

func TestNotFound(t *testing.T) {
	dir := t.TempDir()
	_, _, err := fake(t, map[string]string{"SHAKE_LIBRARY_PATH": dir, "root": dir}).open(spare, any1)
	var missing *NotFoundError
	if !errors.As(err, &missing) {
		t.Fatalf("have %v, want a *NotFoundError", err)
	}
	for _, want := range []string{"libskspare.so.2 or libskspare.so.1", "a library of tests", dir, "the loader's path", "install the moon", "SHAKE_LIBRARY_PATH"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func any1(uintptr, string) error { return nil }

// TestOrder finds the library in the folder that goes first, newest name first within a folder.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"a/libskspare.so.1", "b/libskspare.so.1", "b/libskspare.so.2", "toolkit/lib64/libskspare.so.2"} {
		library(t, filepath.Join(dir, f), "int sk_spare;")
	}
	for _, c := range []struct{ name, told, want string }{
		{"the variable's order", dir + "/a:" + dir + "/b", "a/libskspare.so.1"},
		{"the newest of a folder", dir + "/b:" + dir + "/a", "b/libskspare.so.2"},
		{"not in the variable's folders", dir + "/nowhere", "toolkit/lib64/libskspare.so.2"},
	} {
		s := fake(t, map[string]string{"SHAKE_LIBRARY_PATH": c.told, "CUDA_HOME": dir + "/toolkit", "root": dir})
		handle, path, err := s.open(spare, any1)
		if err != nil || path != filepath.Join(dir, c.want) {
			t.Errorf("%s: have %s, %v, want %s", c.name, path, err, c.want)
		}
		if handle != 0 {
			sysClose(handle)
		}
	}
	s := fake(t, map[string]string{"SHAKE_LIBRARY_PATH": dir + "/b", "root": dir})
	handle, path, err := s.open(spare.AtMost(1), any1)
	if err != nil || path != dir+"/b/libskspare.so.1" {
		t.Fatalf("at most version 1: have %s, %v", path, err)
	}
	sysClose(handle) // an open library would be found again by its name alone
	var missing *NotFoundError
	if _, _, err := s.open(spare.AtMost(0), any1); !errors.As(err, &missing) {
		t.Errorf("version 0: have %v, want a *NotFoundError", err)
	}
}

// TestDamaged opens files that are not libraries of this machine. A bad file in a folder of the
// variable is the error; elsewhere a good file further on is taken.
func TestDamaged(t *testing.T) {
	good := filepath.Join(t.TempDir(), "libskspare.so.1")
	library(t, good, "static char big[100000] = {1}; char *sk_spare(void) { return big; }")
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(whole)
	other[18], other[19] = 0x08, 0 // e_machine: MIPS
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "not a whole shared library (0 bytes)"},
		{"text", []byte("/* GNU ld script */ INPUT(libfoo.so)"), "not a whole shared library"},
		{"cut short", whole[:len(whole)/2], "bytes"},
		{"another processor", other, "built for another processor (EM_MIPS"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/libskspare.so.1", c.file, 0o755); err != nil {
			t.Fatal(err)
		}
		_, _, err := fake(t, map[string]string{"SHAKE_LIBRARY_PATH": dir + ":" + filepath.Dir(good), "root": dir}).open(spare, any1)
		var broken *OpenError
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "install the moon") || broken.Path != dir+"/libskspare.so.1" {
			t.Errorf("%s: have %v, want an *OpenError with %q", c.name, err, c.want)
		}
		toolkit := dir + "/toolkit/lib64"
		if err := os.MkdirAll(toolkit, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(toolkit+"/libskspare.so.2", c.file, 0o755); err != nil {
			t.Fatal(err)
		}
		s := fake(t, map[string]string{"CUDA_HOME": dir + "/toolkit", "root": dir})
		if _, _, err := s.open(spare, any1); !errors.As(err, &broken) {
			t.Errorf("%s, alone in a usual folder: have %v, want an *OpenError", c.name, err)
		}
		if err := os.WriteFile(toolkit+"/libskspare.so.1", whole, 0o755); err != nil {
			t.Fatal(err)
		}
		handle, path, err := s.open(spare, any1)
		if err != nil || path != toolkit+"/libskspare.so.1" {
			t.Fatalf("%s, with a good one after it: have %s, %v", c.name, path, err)
		}
		sysClose(handle)
	}
}

// TestLacksADependency opens a library whose dependency does not exist.
func TestLacksADependency(t *testing.T) {
	dir := t.TempDir()
	library(t, dir+"/libskdep.so.1", "int sk_dep(void) { return 1; }")
	cc := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", dir+"/libskspare.so.1", "-L"+dir, "-l:libskdep.so.1", "-Wl,-soname,libskspare.so.1")
	cc.Stdin = strings.NewReader("int sk_dep(void); int sk_spare(void) { return sk_dep(); }")
	if out, err := cc.CombinedOutput(); err != nil {
		t.Skipf("cannot link a test library: %v: %s", err, out)
	}
	if err := os.Remove(dir + "/libskdep.so.1"); err != nil {
		t.Fatal(err)
	}
	_, _, err := fake(t, map[string]string{"SHAKE_LIBRARY_PATH": dir, "root": dir}).open(spare, any1)
	var broken *OpenError
	if !errors.As(err, &broken) || !strings.Contains(err.Error(), "libskdep.so.1") {
		t.Errorf("have %v, want an *OpenError that names libskdep.so.1", err)
	}
}

func TestLacksSymbols(t *testing.T) {
	dir := t.TempDir()
	library(t, dir+"/libnvrtc.so.13", "int nvrtcVersion(void) { return 0; } int nvrtcGetErrorString(void) { return 0; }")
	t.Setenv("SHAKE_LIBRARY_PATH", dir)
	if _, ok := open[NVRTC.Name]; ok {
		t.Fatal("NVRTC is open already")
	}
	_, err := Table(NVRTC)
	var lacks *SymbolError
	if !errors.As(err, &lacks) {
		t.Fatalf("have %v, want a *SymbolError", err)
	}
	if lacks.Path != dir+"/libnvrtc.so.13" || !slices.Contains(lacks.Symbols, "nvrtcCompileProgram") || slices.Contains(lacks.Symbols, "nvrtcVersion") {
		t.Errorf("have %+v", lacks)
	}
	for _, want := range []string{"libnvrtc.so.13", "more", "too old", "pip install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if got := Candidates(NVRTC); len(got) == 0 || got[0] != dir+"/libnvrtc.so.13" {
		t.Errorf("candidates %v", got)
	}
}

func TestNoTable(t *testing.T) {
	if _, err := Table(NVML); err == nil {
		t.Error("a library without a table has one")
	}
}

func TestCompareVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"cuda-12.9", "cuda-12.10", -1}, {"cu13", "cu12", 1}, {"a", "a", 0}, {"cudnn", "cu13", 1}, {"cuda-12", "cuda-12.1", -1}, {"x01", "x1", 0}} {
		if have := compareVersions(c.a, c.b); have < 0 != (c.want < 0) || have > 0 != (c.want > 0) {
			t.Errorf("%s against %s: have %d, want %d", c.a, c.b, have, c.want)
		}
	}
}
