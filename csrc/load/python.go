package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// prefixes are the installations that a python3 may belong to, the likeliest first. The first is
// the folder above its own, as in an environment of venv or uv, where python3 is a link. Behind
// pyenv's shim come the chosen versions and then the others. The last is the installation where its
// links end.
func (s surroundings) prefixes(python string) []string {
	var out []string
	folder := filepath.Dir(python)
	if filepath.Base(folder) == "shims" {
		out = append(out, s.pyenv(filepath.Dir(folder))...)
	} else {
		out = append(out, filepath.Dir(folder))
	}
	if real, err := filepath.EvalSymlinks(python); err == nil {
		if prefix := filepath.Dir(filepath.Dir(real)); !slices.Contains(out, prefix) && filepath.Base(filepath.Dir(real)) != "shims" {
			out = append(out, prefix)
		}
	}
	return out
}

// pyenv are the versions below pyenv's folder: those of PYENV_VERSION, or else of its file
// "version", then the others, the newest first.
func (s surroundings) pyenv(root string) []string {
	chosen := strings.FieldsFunc(s.getenv("PYENV_VERSION"), func(r rune) bool { return r == ':' })
	if len(chosen) == 0 {
		// Without the file pyenv takes the system's.
		b, _ := os.ReadFile(filepath.Join(root, "version"))
		chosen = strings.Fields(string(b))
	}
	var out []string
	for _, name := range chosen {
		if name == filepath.Base(name) {
			out = append(out, existing(filepath.Join(root, "versions", name))...)
		}
	}
	all := glob(root, "versions/*")
	slices.SortFunc(all, func(a, b string) int { return -compareVersions(a, b) })
	for _, version := range all {
		if !slices.Contains(out, version) {
			out = append(out, version)
		}
	}
	return out
}
