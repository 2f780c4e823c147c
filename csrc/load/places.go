package load

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// PathVariable names folders that are searched before all others, separated as in PATH. In each,
// pip's layout (nvidia/*/lib) is searched too, so that the folder of `pip install --target` will
// do.
const PathVariable = "SHAKE_LIBRARY_PATH"

// place is one folder of the search.
type place struct {
	folder string // "" stands for the loader's own path
	// told marks a folder of SHAKE_LIBRARY_PATH: a file in it is taken or is an error, but never
	// passed over.
	told bool
}

func (p place) String() string {
	if p.folder == "" {
		return "the loader's path"
	}
	return p.folder
}

// surroundings are the parts of the machine that the search depends on; tests make their own.
type surroundings struct {
	getenv func(string) string
	python func() string // the path of python3, or ""
	root   string        // prefix of the fixed folders
}

func machine() surroundings {
	return surroundings{getenv: os.Getenv, python: func() string {
		p, err := exec.LookPath("python3")
		if err != nil {
			return ""
		}
		return p
	}}
}

// Places lists the searched places in order: the folders of SHAKE_LIBRARY_PATH; the loader's path
// (LD_LIBRARY_PATH, the system's cache); CUDNN_PATH; the CUDA toolkit's folders (CUDA_HOME,
// CUDA_PATH, those below /usr/local with the newest first) and the system's; then the folders that
// pip, uv and conda install to: of the active environment, of the python3 on the PATH (behind
// pyenv's shims and links too), of the user, of the system.
func Places() []string {
	var out []string
	for _, p := range machine().places() {
		out = append(out, p.String())
	}
	return out
}

func (s surroundings) places() []place {
	var out []place
	add := func(told bool, folders ...string) {
		for _, f := range folders {
			if !slices.ContainsFunc(out, func(p place) bool { return p.folder == f }) {
				out = append(out, place{f, told})
			}
		}
	}
	for _, f := range filepath.SplitList(s.getenv(PathVariable)) {
		if f == "" {
			continue
		}
		// A bare "." would make a file name bare, and the loader has its own path for bare names.
		if abs, err := filepath.Abs(f); err == nil {
			add(true, abs)
			add(true, wheels(abs)...)
		}
	}
	add(false, "")
	if home := s.getenv("CUDNN_PATH"); home != "" {
		add(false, existing(filepath.Join(home, "lib"), filepath.Join(home, "lib64"), filepath.Clean(home))...)
	}
	for _, name := range []string{"CUDA_HOME", "CUDA_PATH"} {
		if home := s.getenv(name); home != "" {
			add(false, existing(filepath.Join(home, "lib64"), filepath.Join(home, "targets", target(), "lib"))...)
		}
	}
	versions := glob(s.root+"/usr/local", "cuda-*/lib64")
	slices.SortFunc(versions, func(a, b string) int { return -compareVersions(a, b) })
	add(false, s.root+"/usr/local/cuda/lib64")
	add(false, versions...)
	add(false, s.root+"/usr/lib/"+triplet(), s.root+"/usr/lib64")
	add(false, existing(s.root+"/usr/local/nvidia/lib64", s.root+"/usr/lib/wsl/lib")...)
	if venv := s.getenv("VIRTUAL_ENV"); venv != "" {
		add(false, pythonLibs(venv)...)
	}
	if conda := s.getenv("CONDA_PREFIX"); conda != "" {
		add(false, pythonLibs(conda)...)
		add(false, existing(filepath.Join(conda, "lib"), filepath.Join(conda, "targets", target(), "lib"))...)
	}
	if python := s.python(); python != "" {
		for _, prefix := range s.prefixes(python) {
			add(false, pythonLibs(prefix)...)
		}
	}
	if home := s.getenv("HOME"); home != "" {
		add(false, pythonLibs(filepath.Join(home, ".local"))...)
	}
	add(false, pythonLibs(s.root+"/usr/local")...)
	add(false, pythonLibs(s.root+"/usr")...)
	return out
}

// pythonLibs returns the library folders of NVIDIA's wheels below an installation of Python.
func pythonLibs(prefix string) []string {
	var out []string
	for _, packages := range []string{"lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages", "lib64/python3*/site-packages"} {
		for _, dir := range glob(prefix, packages) {
			out = append(out, wheels(dir)...)
		}
	}
	return out
}

// wheels returns the library folders of NVIDIA's wheels in a folder of Python packages: newer CUDA
// first.
func wheels(packages string) []string {
	dirs := glob(packages, "nvidia/*/lib")
	slices.SortFunc(dirs, func(a, b string) int { return -compareVersions(a, b) })
	return dirs
}

// glob returns the matches of a pattern below folder, whose own name may hold brackets and stars.
func glob(folder, pattern string) []string {
	found, _ := fs.Glob(os.DirFS(folder), pattern) // the only error is a bad pattern
	for i, f := range found {
		found[i] = filepath.Join(folder, f)
	}
	return found
}

func existing(folders ...string) []string {
	return slices.DeleteFunc(folders, func(f string) bool {
		info, err := os.Stat(f)
		return err != nil || !info.IsDir()
	})
}

// compareVersions orders names by their runs of digits as numbers: cuda-12.10 after cuda-12.9.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da != "" && db != "" {
			na, nb := strings.TrimLeft(da, "0"), strings.TrimLeft(db, "0")
			if len(na) != len(nb) {
				return len(na) - len(nb)
			}
			if c := strings.Compare(na, nb); c != 0 {
				return c
			}
			a, b = a[len(da):], b[len(db):]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }

// triplet is the name of this processor's folder in Debian's layout, target in CUDA's.
func triplet() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}

func target() string {
	if runtime.GOARCH == "arm64" {
		return "sbsa-linux"
	}
	return "x86_64-linux"
}
