package emu

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// make compiles and links the text of a library into a temporary file, and renames that when it is
// whole.
func (b *builder) make(path, text string) error {
	part := fmt.Sprintf("%s.%d.part", path, os.Getpid())
	args := slices.Concat(b.cxx[1:], flags, []string{"-shared", "-Wl,-soname," + filepath.Base(path), "-Wl,-rpath,$ORIGIN", "-x", "c++", "-", "-ldl", "-o", part})
	c := exec.Command(b.cxx[0], args...)
	c.Stdin = strings.NewReader(text)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("emu: %s %s: %w\n%s", b.cxx[0], strings.Join(args, " "), err, out)
	}
	return os.Rename(part, path)
}

var include = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*include[ \t]*"([^"]+)"`)

// addIncluded adds a file and every file that it includes from its own folder on, each once. Files
// that do not exist there are left to the compiler.
func addIncluded(h io.Writer, path string, seen map[string]bool) error {
	if seen[path] {
		return nil
	}
	seen[path] = true
	text, err := add(h, path)
	if err != nil {
		return err
	}
	for _, m := range include.FindAllSubmatch(text, -1) {
		if next := filepath.Join(filepath.Dir(path), filepath.FromSlash(string(m[1]))); exists(next) {
			if err := addIncluded(h, next, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// add writes a file's name, length and text.
func add(h io.Writer, path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		fmt.Fprintln(h, filepath.Base(path), len(b))
		_, err = h.Write(b)
	}
	return b, err
}

func sum(h interface{ Sum([]byte) []byte }) string { return hex.EncodeToString(h.Sum(nil)[:12]) }
