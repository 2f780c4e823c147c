package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"
)

var (
	mu   sync.Mutex
	open = map[string]opened{} // by the library's short name, for the life of the process
)

// opened is a library in use.
type opened struct {
	path  string
	table unsafe.Pointer
}

// Table opens a library, if it is not open yet, and returns the address of its table, the struct
// that the library's header here declares. A library stays open until the process ends. A failure
// is not kept: a later call looks again. Of two versions the first in the order of Places is taken;
// once open, it is the only one. Errors: *NotFoundError, *OpenError, *SymbolError.
func Table(l *Library) (unsafe.Pointer, error) {
	o, err := use(l)
	return o.table, err
}

// Status opens a library as Table does and returns its file.
func Status(l *Library) (path string, err error) {
	o, err := use(l)
	return o.path, err
}

// Find returns the file that Status would open, without keeping it open. It serves libraries that
// other libraries open.
func Find(l *Library) (path string, err error) {
	handle, path, err := machine().open(l, func(uintptr, string) error { return nil })
	if err == nil {
		sysClose(handle)
	}
	return path, err
}

// Candidates lists every file of the library in the folders of Places, except the loader's own
// path. Several files mean that several versions are installed.
func Candidates(l *Library) []string {
	var out []string
	for _, p := range machine().places() {
		for _, f := range l.Files {
			if path := filepath.Join(p.folder, f); p.folder != "" && exists(path) {
				out = append(out, path)
			}
		}
	}
	return out
}

func use(l *Library) (opened, error) {
	mu.Lock()
	defer mu.Unlock()
	if o, ok := open[l.Name]; ok {
		return o, nil
	}
	t, ok := tableOf(l.Name)
	if !ok {
		return opened{}, fmt.Errorf("load: %s has no table: use Find", l.Name)
	}
	handle, path, err := machine().open(l, func(handle uintptr, path string) error {
		if missing := t.fill(handle); len(missing) > 0 {
			return &SymbolError{Library: l.Name, Path: path, Symbols: missing, Remedy: l.Remedy}
		}
		return nil
	})
	if err != nil {
		return opened{}, err
	}
	_ = handle // kept open for good
	o := opened{path, t.address()}
	open[l.Name] = o
	return o, nil
}

// open opens the first file of the library, in the order of places, that the loader and accept
// take. A file in a folder from the user's variable is not passed over: if it cannot be used, that
// is the error. Elsewhere the search goes on; if it finds nothing, the first failure is returned.
func (s surroundings) open(l *Library, accept func(handle uintptr, path string) error) (handle uintptr, path string, err error) {
	var failed error
	var tried []string
	for _, p := range s.places() {
		tried = append(tried, p.String())
		for _, f := range l.Files {
			handle, path, err := s.try(l, p, f)
			if err == nil && handle != 0 {
				if err = accept(handle, path); err == nil {
					if l.more != nil {
						l.more(handle, path)
					}
					return handle, path, nil
				}
				sysClose(handle)
			}
			if err != nil && p.told {
				return 0, "", err
			}
			if failed == nil {
				failed = err
			}
		}
	}
	if failed == nil {
		names := strings.Join(l.Files, " or ")
		if names == "" {
			names = l.Name + " of this version"
		}
		failed = &NotFoundError{Library: names, What: l.What, Tried: tried, Remedy: l.Remedy}
	}
	return 0, "", failed
}

// try opens one file. For a file that does not exist, both the handle and the error are zero.
func (s surroundings) try(l *Library, p place, file string) (handle uintptr, path string, err error) {
	if p.folder == "" {
		return s.tryLoader(l, file)
	}
	if name := filepath.Join(p.folder, file); exists(name) {
		return s.openFile(l, name)
	}
	return 0, "", nil
}

// openFile opens the library at path after a check of it and of its dependencies.
func (s surroundings) openFile(l *Library, path string) (uintptr, string, error) {
	reason := checkELF(path)
	if reason == "" {
		reason = s.family(path)
	}
	var handle uintptr
	if reason == "" {
		handle, reason = sysOpen(path, l.global)
	}
	if handle == 0 {
		return 0, "", &OpenError{Library: l.Name, Path: path, Reason: reason, Remedy: l.Remedy}
	}
	if p := sysPath(handle); p != "" {
		path = p
	}
	return handle, path, nil
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
