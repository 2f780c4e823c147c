package train

import (
	"io"
	"path/filepath"

	"shake/internal/files"
)

// store is a run's access to its files: files.Disk, with errors in the terms of the run.
type store struct{ *files.Disk }

// write gives path the content that f writes, as files.Replace does. On a failure path is unchanged
// and the error is that of writing (*DiskFull if space is the reason).
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

// removeTemps deletes the temporary files of killed processes in dir.
func (s store) removeTemps(dir string) error {
	names, err := s.Names(dir)
	for _, n := range names {
		if isTemp(n) {
			_ = s.RemoveTemp(filepath.Join(dir, n)) // a file that stays is harmless
		}
	}
	return err
}
