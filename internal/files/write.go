package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Write gives path the content that f writes. A regular file is replaced as by Replace, and a
// missing one is made. A link is followed to its target, existing or not. A device or a pipe
// receives the content directly. A folder is an error.
func Write(path string, f func(io.Writer) error) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return &fs.PathError{Op: "write", Path: path, Err: syscall.EISDIR}
	case err == nil && !info.Mode().IsRegular():
		return into(path, f)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	target, err := Follow(path)
	if err != nil {
		return err
	}
	if err == nil && info != nil { // /dev/stdout may be an open file without a name
		if now, err := os.Lstat(target); err != nil || !os.SameFile(info, now) {
			return into(path, f)
		}
	}
	return Replace(target, f)
}

// into writes to a device or a pipe, which is neither made nor cut.
func into(path string, f func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f(file)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	return err
}

// Follow returns the end of a chain of links that begins at path.
func Follow(path string) (string, error) {
	for range 40 {
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // not a link: writing will report any fault
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", &fs.PathError{Op: "write", Path: path, Err: syscall.ELOOP}
}

// Replace gives path the content that f writes. It writes a temporary file beside path, makes it
// durable, renames it to path and makes the folder durable. After a failure the temporary file is
// gone and path is unchanged. The mode and the owner of an existing file are kept; a new one has
// 0666 less the umask. A link at path is replaced, not followed.
func Replace(path string, f func(io.Writer) error) error { return (*Disk)(nil).Replace(path, f) }

// Replace is the function Replace on this Disk.
func (d *Disk) Replace(path string, f func(io.Writer) error) error {
	dir := filepath.Dir(path)
	file, release, err := d.temp(dir)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			pe.Path = path
		}
		return err
	}
	defer release()
	file.path = path // the path in its errors
	err = f(file)
	if err == nil {
		keep(file.f, path)
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	temp := file.f.Name()
	if err == nil {
		err = d.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return named(err, temp, path)
	}
	return d.SyncDir(dir)
}

// named replaces the temporary file's name in an error by path, which is the name that the user
// knows.
func named(err error, temp, path string) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &le) && le.Old == temp:
		return &fs.PathError{Op: le.Op, Path: path, Err: le.Err}
	case errors.As(err, &pe) && pe.Path == temp:
		pe.Path = path
	}
	return err
}

// ReplaceBytes is Replace with the content in b.
func ReplaceBytes(path string, b []byte) error {
	return Replace(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// keep gives the file the mode and the owner of the file at path, as far as the user may.
func keep(file *os.File, path string) {
	old, err := os.Lstat(path)
	if err != nil || !old.Mode().IsRegular() {
		return
	}
	if theirs, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(int(theirs.Uid), int(theirs.Gid))
	}
	_ = file.Chmod(old.Mode().Perm())
}

// SyncDir is Disk's.
func SyncDir(dir string) error { return (*Disk)(nil).SyncDir(dir) }
