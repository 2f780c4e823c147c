package train

import (
	"io"
	"os"
	"path/filepath"

	"shake/internal/files"
)

// store writes whole files: a file it wrote is either the old one or the new one, whatever kills the process or the machine.
type store struct {
	// wrap, if set, stands between the data and the file: tests make it fail.
	wrap func(file string, w io.Writer) io.Writer
}

// write gives path the content that f writes, as files.Replace does. If anything fails path is untouched and the error is that of writing (*DiskFull where space
// is the reason).
func (s store) write(path string, f func(io.Writer) error) error {
	err := files.Replace(path, func(w io.Writer) error {
		if s.wrap != nil {
			w = s.wrap(path, w)
		}
		return f(w)
	})
	if err != nil {
		return writing(path, err)
	}
	return nil
}

func (s store) writeBytes(path string, b []byte) error {
	return s.write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// removeTemps deletes what a killed process left half written in dir.
func removeTemps(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if isTemp(e.Name()) {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
