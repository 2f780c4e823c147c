package emu

import (
	"crypto/sha256"
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

// object compiles one source, unless its object is in the cache. The object's name is a sum of the
// compiler, the source, and all of its includes.
func (b *builder) object(source string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, b.cxx, b.version, flags)
	if err := addIncluded(h, source, map[string]bool{}); err != nil {
		return "", err
	}
	path := filepath.Join(b.cache, "obj-"+sum(h)+".o")
	if b.dry || exists(path) {
		return path, nil
	}
	return path, b.make(path, append(slices.Clone(flags), "-c", source))
}

// make runs the compiler into a temporary file, and renames that when it is whole.
func (b *builder) make(path string, args []string) error {
	part := fmt.Sprintf("%s.%d.part", path, os.Getpid())
	args = slices.Concat(b.cxx[1:], args, []string{"-o", part})
	if out, err := exec.Command(b.cxx[0], args...).CombinedOutput(); err != nil {
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
