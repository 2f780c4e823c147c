package train

import (
	"io"
	"path/filepath"

	"shake/internal/files"
)

// store is how a run reaches its files: files.Disk with errors that say what they mean for the run.
type store struct{ *files.Disk }

// write gives path the content that f writes, as files.Replace does. If anything fails path is untouched and the error is that of writing (*DiskFull where space
// is the reason).
func (s store) write(path string, f func(io.Writer) error) error {
	if err := s.Replace(path, f); err != nil {
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
func (s store) removeTemps(dir string) error {
	names, err := s.Names(dir)
	for _, n := range names {
		if isTemp(n) {
			_ = s.Remove(filepath.Join(dir, n)) // one that stays does no harm
		}
	}
	return err
}
