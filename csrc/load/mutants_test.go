package load

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
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

// FuzzELF checks libraries of any bytes: a file that passes has all the bytes that the loader would
// map.
func FuzzELF(f *testing.F) {
	head := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64}
	copy(head.Ident[:], "\x7fELF\x02\x01\x01")
	for _, end := range []uint64{120, 121, 1 << 62} {
		var b bytes.Buffer
		if err := errors.Join(binary.Write(&b, binary.LittleEndian, head), binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: end, Memsz: end})); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte("\x7fELF"))
	file := filepath.Join(f.TempDir(), "lib.so")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(file, b, 0o755); err != nil {
			t.Fatal(err)
		}
		if checkELF(file) != "" {
			return
		}
		e, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range e.Progs {
			if p.Type == elf.PT_LOAD && (p.Off > uint64(len(b)) || p.Filesz > uint64(len(b))-p.Off) {
				t.Fatalf("%d bytes, mapped from %d are %d", len(b), p.Off, p.Filesz)
			}
		}
	})
}
