package emu

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// ErrNoCompiler is the error of Build on a machine without a C++ compiler.
var ErrNoCompiler = errors.New("emu: no C++ compiler here (c++, or what CXX names), so the emulator cannot be built")

// Build compiles the stand-in libraries and returns the folder that holds them all. A room whose
// folder is missing has no library. Libraries that the same compiler made from the same sources
// before are taken from the user's cache folder. Several processes may build at one time. Errors:
// ErrNoCompiler, or the compiler's output.
func Build() (folder string, err error) {
	source, cache, err := folders()
	if err != nil {
		return "", err
	}
	return build(source, cache)
}

// Library compiles one stand-in alone, by the name of its room: "cuda", "nvml" and so on. Its
// folder holds no other library, so that on a machine with a card the rest stays real.
func Library(room string) (folder string, err error) {
	source, cache, err := folders()
	if err != nil {
		return "", err
	}
	b, err := newBuilder(source, cache)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(libraries, func(l library) bool { return l.room == room })
	if i < 0 {
		return "", fmt.Errorf("emu: no library %s", room)
	}
	path, err := b.library(libraries[i])
	return filepath.Dir(path), err
}

// folders are the folders of the sources and of the cache.
func folders() (source, cache string, err error) {
	if source, err = sourceFolder(); err != nil {
		return "", "", err
	}
	if cache, err = os.UserCacheDir(); err != nil {
		return "", "", fmt.Errorf("emu: finding a folder to build in: %w", err)
	}
	return source, filepath.Join(cache, "shake", "emulator"), nil
}

// newBuilder finds the compiler and makes the cache folder.
func newBuilder(source, cache string) (*builder, error) {
	b := &builder{source: source, cache: cache, cxx: strings.Fields(os.Getenv("CXX"))}
	if len(b.cxx) == 0 {
		b.cxx = []string{"c++"}
	}
	version, err := exec.Command(b.cxx[0], append(slices.Clone(b.cxx[1:]), "--version")...).Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCompiler, err)
	}
	b.version = string(version)
	if err := os.MkdirAll(filepath.Join(cache, "kernels"), 0o755); err != nil {
		return nil, fmt.Errorf("emu: making a folder to build in: %w", err)
	}
	return b, nil
}

// build is Build for a tree of sources and a cache folder.
func build(source, cache string) (string, error) {
	b, err := newBuilder(source, cache)
	if err != nil {
		return "", err
	}
	// Every name is a sum of the content of the files, so the folder's name is known before any
	// file is made.
	b.dry = true
	folder, used, err := b.libraries()
	if err != nil {
		return "", err
	}
	if exists(folder) {
		b.touch(folder, used)
		return folder, nil
	}
	lock := flock.New(folder + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("emu: locking %s: %w", lock.Path(), err)
	}
	defer lock.Unlock()
	if exists(folder) { // another process was first
		return folder, nil
	}
	b.dry = false
	folder, files, err := b.libraries()
	if err != nil {
		return "", err
	}
	return folder, b.assemble(folder, files)
}

// libraries makes all libraries. It returns the name of their folder, and the files to copy there:
// the source by the name.
func (b *builder) libraries() (folder string, files map[string]string, err error) {
	prelude, err := glob(b.source, "prelude/*.h")
	if err != nil || len(prelude) == 0 {
		return "", nil, fmt.Errorf("emu: no sources in %s", b.source)
	}
	files = map[string]string{}
	whole := sha256.New()
	for _, h := range prelude {
		if _, err := add(whole, h); err != nil {
			return "", nil, err
		}
		files[filepath.Join("prelude", filepath.Base(h))] = h
	}
	paths, failed := make([]string, len(libraries)), make([]error, len(libraries))
	var wg sync.WaitGroup
	turns := make(chan struct{}, runtime.NumCPU())
	for i, l := range libraries {
		if !exists(filepath.Join(b.source, l.room)) {
			continue
		}
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			paths[i], failed[i] = b.library(l)
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		return "", nil, err
	}
	for i, l := range libraries {
		if paths[i] != "" {
			files[l.file] = paths[i]
			fmt.Fprintln(whole, l.file, paths[i])
		}
	}
	return filepath.Join(b.cache, sum(whole)), files, nil
}

// assemble copies files to a new folder, which appears at once and whole.
func (b *builder) assemble(folder string, files map[string]string) error {
	part, err := os.MkdirTemp(b.cache, "part-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := errors.Join(os.Mkdir(filepath.Join(part, "prelude"), 0o755), os.Chmod(part, 0o755)); err != nil {
		return err
	}
	for name, from := range files {
		if err := copyFile(filepath.Join(part, name), from); err != nil {
			return err
		}
	}
	// Compiled kernels outlive a change of a library.
	if err := os.Symlink("../kernels", filepath.Join(part, "kernels")); err != nil {
		return err
	}
	b.prune(30 * 24 * time.Hour)
	return os.Rename(part, folder)
}

// touch marks a folder and its parts as in use. A cache without write permission stays unmarked.
func (b *builder) touch(folder string, files map[string]string) {
	now := time.Now()
	os.Chtimes(folder, now, now)
	for _, from := range files {
		if strings.HasPrefix(from, b.cache) {
			os.Chtimes(filepath.Dir(from), now, now)
		}
	}
}

// prune removes libraries, folders and compiled kernels that no process has made or used for so
// long. A missing one is made again on demand.
func (b *builder) prune(unused time.Duration) {
	for _, pattern := range []string{"lib-*", "part-*", "*.lock", "kernels/*", strings.Repeat("[0-9a-f]", 24)} {
		paths, _ := glob(b.cache, pattern) // the only error is a bad pattern
		for _, p := range paths {
			if info, err := os.Stat(p); err == nil && time.Since(info.ModTime()) > unused {
				os.RemoveAll(p)
			}
		}
	}
}

// glob returns the matches of a pattern below folder, whose own name may hold brackets and stars.
func glob(folder, pattern string) ([]string, error) {
	found, err := fs.Glob(os.DirFS(folder), pattern)
	for i, f := range found {
		found[i] = filepath.Join(folder, f)
	}
	return found, err
}

type builder struct {
	source, cache, version string
	cxx                    []string // the compiler, and the arguments of every call
	dry                    bool     // only compute names and make no files
}

// sourceFolder finds csrc/emu: at the path where this file was compiled, or from the working folder
// up.
func sourceFolder() (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok {
		if _, err := os.Stat(file); err == nil {
			return filepath.Dir(file), nil
		}
	}
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if folder := filepath.Join(dir, "csrc", "emu"); exists(filepath.Join(folder, "build.go")) {
			return folder, nil
		}
	}
	return "", errors.New("emu: its sources are not here: set SHAKE_LIBRARY_PATH to the folder of a built one")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

func isNoCompiler(err error) bool { return errors.Is(err, ErrNoCompiler) }
