package load

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"shake/internal/files/filestest"
)

// TestMutants: checking a spoilt library or loader cache does no harm.
func TestMutants(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good", "libskseen.so.1")
	library(t, good, "int sk_seen;")
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "libskseen.so.1")
	s := fake(t, map[string]string{"root": dir})
	// debug/elf reads a part whose size lies in pieces of 10 MiB.
	const allowance = 16 << 20
	filestest.Mutants(t, [][]byte{whole, whole[:64]}, allowance, func(b []byte) error {
		if err := os.WriteFile(file, b, 0o755); err != nil {
			t.Fatal(err)
		}
		if reason := checkELF(file); reason != "" {
			return errors.New(reason)
		}
		if reason := s.family(file); reason != "" {
			return errors.New(reason)
		}
		return nil
	}, nil)
	filestest.Mutants(t, [][]byte{cacheOf("libskseen.so.1", "/opt/x/libskseen.so.1")}, 1<<20, func(b []byte) error {
		if len(cached(b, "libskseen.so.1")) == 0 {
			return errors.New("nothing there")
		}
		return nil
	}, nil)
}
