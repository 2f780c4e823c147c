package load

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
)

// checkELF returns the fault of a shared library, or "". The loader maps a file that was cut short
// and dies of it, so this check comes first.
func checkELF(path string) (reason string) {
	if runtime.GOOS != "linux" {
		return ""
	}
	// Stat comes before the opening: opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	if !info.Mode().IsRegular() {
		return "not a regular file"
	}
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	e, err := elf.NewFile(f)
	if err != nil {
		return fmt.Sprintf("not a whole shared library (%d bytes): %v", info.Size(), err)
	}
	if want := machines[runtime.GOARCH]; want != 0 && e.Machine != want {
		return fmt.Sprintf("built for another processor (%v; this is %v)", e.Machine, want)
	}
	if e.Type != elf.ET_DYN {
		return fmt.Sprintf("not a shared library but %v", e.Type)
	}
	for _, p := range e.Progs {
		if end := p.Off + p.Filesz; p.Type == elf.PT_LOAD && (end < p.Off || end > uint64(info.Size())) {
			return fmt.Sprintf("cut short: %d bytes of at least %d", info.Size(), end)
		}
	}
	return ""
}

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
