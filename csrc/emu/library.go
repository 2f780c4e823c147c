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

// library is one stand-in: all sources of a folder below csrc/emu, and some of other folders.
type library struct {
	room, file string
	more       []string // sources of other rooms
}

var libraries = []library{
	{room: "cuda", file: "libcuda.so.1"},
	{room: "nvrtc", file: "libnvrtc.so.13", more: []string{"cuda/settings.cc"}},
	{room: "cudnn", file: "libcudnn.so.9"},
	{room: "nccl", file: "libnccl.so.2"},
	{room: "nvml", file: "libnvidia-ml.so.1"},
	{room: "cupti", file: "libcupti.so.13"},
	{room: "nvtx", file: "libnvtx-record.so"},
}

var flags = []string{"-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-pthread"}

// library returns the path of a library in the cache, compiled and linked if it is not there. All
// its sources are one translation unit, so that names in their anonymous namespaces differ: the
// headers of the standard library, which take the compiler longer than our sources, are read once.
func (b *builder) library(l library) (string, error) {
	sources, err := glob(b.source, l.room+"/*.cc")
	if err != nil {
		return "", err
	}
	for _, s := range l.more {
		sources = append(sources, filepath.Join(b.source, filepath.FromSlash(s)))
	}
	if len(sources) == 0 {
		return "", fmt.Errorf("emu: no sources in %s", filepath.Join(b.source, l.room))
	}
	h := sha256.New()
	fmt.Fprintln(h, b.cxx, b.version, flags, l.file)
	var text strings.Builder
	seen := map[string]bool{}
	for _, s := range sources {
		if err := addIncluded(h, s, seen); err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "#include \"%s\"\n", s)
	}
	path := filepath.Join(b.cache, "lib-"+sum(h), l.file)
	if b.dry || exists(path) {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, b.make(path, text.String())
}

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
