package load

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// loaderFolders are the folders where the system's loader looks for a bare name: the absolute
// folders of LD_LIBRARY_PATH, then the system's own. To the loader an empty entry of the variable
// means the current folder. Such an entry is nearly always an accident of the kind
// LD_LIBRARY_PATH=$LD_LIBRARY_PATH:/x, and lets the owner of that folder choose the library. Empty
// and relative entries are therefore returned apart.
func (s surroundings) loaderFolders() (absolute, relative []string) {
	if path := s.getenv("LD_LIBRARY_PATH"); path != "" {
		for _, f := range strings.Split(strings.ReplaceAll(path, ";", ":"), ":") {
			if filepath.IsAbs(f) {
				absolute = append(absolute, filepath.Clean(f))
			} else {
				relative = append(relative, cmp.Or(f, "."))
			}
		}
	}
	return absolute, relative
}

// loaderFind lists the files that the loader would take for a bare name, in its order: from the
// absolute folders of LD_LIBRARY_PATH, from its cache, and from its default folders.
func (s surroundings) loaderFind(file string) []string {
	folders, _ := s.loaderFolders()
	var out []string
	add := func(path string) {
		if exists(path) && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	for _, f := range folders {
		add(filepath.Join(f, file))
	}
	if b, err := os.ReadFile(s.root + "/etc/ld.so.cache"); err == nil {
		for _, path := range cached(b, file) {
			add(s.root + path)
		}
	}
	for _, f := range []string{"/lib/" + triplet(), "/usr/lib/" + triplet(), "/lib64", "/usr/lib64", "/lib", "/usr/lib"} {
		add(filepath.Join(s.root+f, file))
	}
	return out
}

// cached returns the paths of a name in glibc's ld.so.cache for this processor. The format is
// "glibc-ld.so.cache1.1", the number of entries, the length of the strings, 20 bytes; then entries
// of flags, offset of the name, offset of the path, 12 bytes. Offsets count from the magic. (glibc,
// dl-cache.h)
func cached(b []byte, file string) (paths []string) {
	at := bytes.Index(b, []byte("glibc-ld.so.cache1.1"))
	if at < 0 {
		return nil
	}
	const header, entry = 48, 24
	if b = b[at:]; len(b) < header {
		return nil
	}
	text := func(offset uint32) string {
		if int64(offset) >= int64(len(b)) {
			return ""
		}
		s, _, _ := bytes.Cut(b[offset:], []byte{0})
		return string(s)
	}
	want := map[string]uint32{"amd64": 0x0303, "arm64": 0x0a03}[runtime.GOARCH]
	n := int64(binary.NativeEndian.Uint32(b[20:]))
	for i := int64(0); i < n && header+(i+1)*entry <= int64(len(b)); i++ {
		e := b[header+i*entry:]
		if flags := binary.NativeEndian.Uint32(e); want != 0 && flags != want || text(binary.NativeEndian.Uint32(e[4:])) != file {
			continue
		}
		paths = append(paths, text(binary.NativeEndian.Uint32(e[8:])))
	}
	return paths
}

// tryLoader opens the file that the loader would take for a bare name, by its full path and after a
// check.
func (s surroundings) tryLoader(l *Library, file string) (handle uintptr, path string, err error) {
	var failed error
	for _, path := range s.loaderFind(file) {
		handle, path, err := s.openFile(l, path)
		if err == nil {
			return handle, path, nil
		}
		if failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return 0, "", failed
	}
	if _, relative := s.loaderFolders(); len(relative) > 0 { // the loader would look there
		for _, r := range relative {
			if exists(filepath.Join(r, file)) {
				return 0, "", &OpenError{Library: l.Name, Path: filepath.Join(r, file), Reason: notFromHere, Remedy: "write the folder's full path into LD_LIBRARY_PATH, or take its empty entry out"}
			}
		}
		return 0, "", nil
	}
	handle, reason := sysOpen(file, l.global)
	if handle == 0 {
		if strings.Contains(reason, file+":") && strings.Contains(reason, "No such file") {
			// The loader does not know the name. If a dependency of the library were missing, the
			// text would name that one.
			return 0, "", nil
		}
		return 0, "", &OpenError{Library: l.Name, Path: file, Reason: reason, Remedy: l.Remedy}
	}
	if path = sysPath(handle); path == "" {
		path = file
	}
	return handle, path, nil
}

const notFromHere = "an entry of LD_LIBRARY_PATH is empty or relative, and nothing is loaded from the current folder"

// family returns the fault of a file that the loader, or the library itself, opens along with the
// one at path: its dependencies, theirs, and its parts beside it (libcudnn_graph.so.9 of
// libcudnn.so.9). A file that the loader would not find here is not judged.
func (s surroundings) family(path string) (reason string) {
	seen := map[string]bool{path: true}
	queue := append([]string{path}, parts(path)...)
	for _, p := range queue[1:] {
		seen[p] = true
		if reason := checkELF(p); reason != "" {
			return p + ": " + reason
		}
	}
	absolute, relative := s.loaderFolders()
	for len(queue) > 0 {
		importer := queue[0]
		queue = queue[1:]
		names, folders := imports(importer)
		for _, name := range names {
			found := ""
			for _, f := range append(folders, absolute...) {
				if p := filepath.Join(f, name); found == "" && exists(p) {
					found = p
				}
			}
			for _, r := range relative {
				if found == "" && exists(filepath.Join(r, name)) {
					return fmt.Sprintf("it needs %s, which is in the folder %s: %s", name, r, notFromHere)
				}
			}
			// The files in the system's own folders are taken to be whole.
			if found == "" || seen[found] {
				continue
			}
			seen[found] = true
			if reason := checkELF(found); reason != "" {
				return "it needs " + found + ": " + reason
			}
			queue = append(queue, found)
		}
	}
	return ""
}

// imports returns the names of the libraries that a library needs, and the folders that it asks to
// be searched first.
func imports(path string) (names, folders []string) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	names, _ = f.ImportedLibraries()
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, _ := f.DynString(tag)
		for _, list := range paths {
			for _, folder := range filepath.SplitList(list) {
				origin := filepath.Dir(path)
				if folder = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(folder); filepath.IsAbs(folder) {
					folders = append(folders, folder)
				}
			}
		}
	}
	return names, folders
}

// parts returns the libraries beside path whose names continue its stem with _ or -.
func parts(path string) (out []string) {
	stem, _, ok := strings.Cut(filepath.Base(path), ".so")
	entries, err := os.ReadDir(filepath.Dir(path))
	if !ok || err != nil {
		return nil
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), stem)
		if p := filepath.Join(filepath.Dir(path), e.Name()); ours && strings.IndexAny(rest, "_-") == 0 && strings.Contains(rest, ".so") && exists(p) {
			out = append(out, p)
		}
	}
	return out
}
