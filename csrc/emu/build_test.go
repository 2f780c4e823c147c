package emu

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

// tiny makes a source tree with one room of one small library.
func tiny(t *testing.T, text string) string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "emu")
	for name, s := range map[string]string{"prelude/a.h": "", "nvml/a.cc": text} {
		path := filepath.Join(source, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(s), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return source
}

func TestBuildKeepsAndRenews(t *testing.T) {
	Require(t)
	source, cache := tiny(t, "int one;"), t.TempDir()
	t.Setenv("CXX", "") // the usual compiler, which the next build names
	first, err := build(source, cache)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(filepath.Join(first, "libnvidia-ml.so.1")) || !exists(filepath.Join(first, "prelude", "a.h")) || exists(filepath.Join(first, "libcuda.so.1")) {
		t.Errorf("%s: not the libraries of the rooms that there are", first)
	}
	t.Setenv("CXX", "c++")
	if again, err := build(source, cache); again != first || err != nil {
		t.Errorf("unchanged: have %s, %v, want %s", again, err, first)
	}
	t.Setenv("CXX", "c++ -DNOTHING")
	if other, err := build(source, cache); other == first || err != nil {
		t.Errorf("a compiler with an argument: have %s, %v, want another folder", other, err)
	}
	if err := os.WriteFile(filepath.Join(source, "prelude", "a.h"), []byte("// changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if other, err := build(source, cache); other == first || err != nil {
		t.Errorf("a header changed: have %s, %v, want another folder", other, err)
	}
}

// A library is made again when a file that it includes changes, at any depth, and for no other
// reason.
func TestIncludes(t *testing.T) {
	Require(t)
	source := tiny(t, "#include \"b.h\"\nint one = ONE;")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(source, "nvml", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The includes have a circle, and a file that does not exist.
	write("b.h", "# include \"c.h\"\n#include \"b.h\"\n#include \"nowhere/no.h\"\n")
	write("c.h", "#pragma once\n#define ONE 1\n")
	write("d.h", "")
	b := &builder{source: source, cache: t.TempDir(), cxx: []string{"c++"}, dry: true}
	made := func() string {
		t.Helper()
		name, err := b.library(library{room: "nvml", file: "libnvidia-ml.so.1"})
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	first := made()
	write("d.h", "int two;")
	if other := made(); other != first {
		t.Error("another library for a header that is not included")
	}
	write("c.h", "#pragma once\n#define ONE 2\n")
	if other := made(); other == first {
		t.Error("the same library for another header")
	}
}

func TestPrune(t *testing.T) {
	b := builder{cache: t.TempDir()}
	month := time.Now().Add(-31 * 24 * time.Hour)
	for _, name := range []string{"lib-old", "lib-new", "kernels/old", "kernels/new", "mine.txt"} {
		path := filepath.Join(b.cache, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(name, "new") {
			if err := os.Chtimes(path, month, month); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.prune(30 * 24 * time.Hour)
	for name, want := range map[string]bool{"lib-old": false, "lib-new": true, "kernels/old": false, "kernels/new": true, "mine.txt": true} {
		if have := exists(filepath.Join(b.cache, name)); have != want {
			t.Errorf("%s is there: %v, want %v", name, have, want)
		}
	}
}

func TestBuildAtOneTime(t *testing.T) {
	Require(t)
	// The test takes the user's cache folder, where the libraries are already built.
	t.Setenv("XDG_CACHE_HOME", os.Getenv("XDG_CACHE_HOME"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if folder, err := Build(); err != nil || !exists(filepath.Join(folder, "libcuda.so.1")) {
				t.Errorf("%s, %v", folder, err)
			}
		})
	}
	wg.Wait()
}

func TestBuildErrors(t *testing.T) {
	Require(t)
	source := tiny(t, "int one = nothing;")
	if _, err := build(source, t.TempDir()); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a mistake in the source: have %v, want what the compiler says", err)
	}
	t.Setenv("CXX", filepath.Join(t.TempDir(), "no-compiler"))
	if _, err := build(source, t.TempDir()); !errors.Is(err, ErrNoCompiler) {
		t.Errorf("no compiler: have %v", err)
	}
}

func TestSettingsAndCounters(t *testing.T) {
	Only(t)
	With(t, "cards=1; memory=64M")
	Reset()
	if n := Count("launch"); n != 0 {
		t.Errorf("launches after Reset: %d", n)
	}
	if n := Count("live_bytes"); n != 0 {
		t.Errorf("live bytes: %d", n)
	}
}
