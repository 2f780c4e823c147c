package train

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// store writes whole files: a file it wrote is either the old one or the new one, whatever kills the process or the machine.
type store struct {
	// wrap, if set, stands between the data and the file: tests make it fail.
	wrap func(file string, w io.Writer) io.Writer
}

const tempSuffix = ".tmp"

// write calls f with a temporary file beside path, makes it durable and renames it to path. If anything fails the temporary
// file is removed, path is untouched and the error is that of writing (*DiskFull where space is the reason).
func (s store) write(path string, f func(io.Writer) error) error {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d%s", filepath.Base(path), os.Getpid(), tempSuffix))
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return writing(path, err)
	}
	var w io.Writer = file
	if s.wrap != nil {
		w = s.wrap(path, w)
	}
	err = f(w)
	if err == nil {
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return writing(path, err)
	}
	return syncDir(filepath.Dir(path))
}

func (s store) writeBytes(path string, b []byte) error {
	return s.write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return writing(dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return writing(dir, err)
	}
	return nil
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
