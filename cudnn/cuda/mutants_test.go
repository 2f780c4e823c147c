package cuda

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/internal/files/filestest"
)

// TestMutants: a spoilt entry of the kernel cache is not used, and the note names its file.
func TestMutants(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kernels", "k.kernel")
	if err := writeEntry(file, &Binary{Image: []byte("image"), Log: "a log"}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	filestest.Mutants(t, [][]byte{whole}, 1<<20, func(b []byte) error {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, note := readEntry(file); b == nil {
			return errors.New(note)
		}
		return nil
	}, func(err error) bool { return strings.Contains(err.Error(), file) })
}

// TestKernelCacheOfOthers: code from a folder that other users may write does not run.
func TestKernelCacheOfOthers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "k.kernel")
	if err := writeEntry(file, &Binary{Image: []byte("image")}); err != nil {
		t.Fatal(err)
	}
	if b, note := readEntry(file); b == nil {
		t.Fatal(note)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if b, note := readEntry(file); b != nil || !strings.Contains(note, "others may write to it") {
		t.Errorf("have %v, %q", b, note)
	}
	if err := writeEntry(file, &Binary{}); err == nil {
		t.Error("an entry was written there")
	}
}

// FuzzEntry: any content of an entry gives code or a note.
func FuzzEntry(f *testing.F) {
	file := filepath.Join(f.TempDir(), "kernels", "k.kernel")
	if err := writeEntry(file, &Binary{Image: []byte("image"), Log: "a log"}); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(entryMagic)+40])
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, note := readEntry(file); (b == nil) == (note == "") {
			t.Fatalf("have %v, %q", b, note)
		}
	})
}
