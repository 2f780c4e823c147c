package files

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Temporary files are called .shake-, 16 hexadecimal digits, .tmp. The name does not contain that of the target, which may be as long as names can be.
const (
	tempPrefix = ".shake-"
	tempSuffix = ".tmp"
	tempDigits = 16
)

// IsTemp tells whether a base name is that of a temporary file of this package, which a killed process may leave behind.
func IsTemp(name string) bool {
	digits, ok := strings.CutPrefix(name, tempPrefix)
	if digits, ok = strings.CutSuffix(digits, tempSuffix); !ok || len(digits) != tempDigits {
		return false
	}
	return strings.Trim(digits, "0123456789abcdef") == "" && strings.HasPrefix(name, tempPrefix)
}

// Write gives path the content that f writes. A regular file, or none, is replaced as by Replace; a link is followed to what it leads to, existing or not. Into a
// device or a pipe the content is written as it comes. A folder is an error.
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
	target, err := follow(path)
	if err != nil {
		return err
	}
	if err == nil && info != nil { // /dev/stdout may be open on a file that has no name any more
		if now, err := os.Lstat(target); err != nil || !os.SameFile(info, now) {
			return into(path, f)
		}
	}
	return Replace(target, f)
}

// into writes what is no regular file, which is neither made nor cut.
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

// follow returns what path leads to when its last element is a link, and the link's target one, and so on.
func follow(path string) (string, error) {
	for range 40 {
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link: what is wrong with it, writing will tell
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", &fs.PathError{Op: "write", Path: path, Err: syscall.ELOOP}
}

// Replace gives path the content that f writes: a temporary file beside it is written, made durable and renamed to path, and the folder made durable. If anything fails
// the temporary file is removed and path is what it was. Mode and owner of a file that is there are kept; a new one has 0666 less the umask. A link at path
// is replaced, not followed.
func Replace(path string, f func(io.Writer) error) error { return (*Disk)(nil).Replace(path, f) }

// Replace is the function Replace through the seam.
func (d *Disk) Replace(path string, f func(io.Writer) error) error {
	dir := filepath.Dir(path)
	file, err := d.temp(dir)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			pe.Path = path
		}
		return err
	}
	file.path = path // in what is said of it
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
		err = d.call(OpRename, path, func() error { return os.Rename(temp, path) })
	}
	if err != nil {
		os.Remove(temp)
		return named(err, temp, path)
	}
	return d.SyncDir(dir)
}

// named says path in an error where it says the temporary file, whose name tells nobody anything.
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

// ReplaceBytes is Replace with the content at hand.
func ReplaceBytes(path string, b []byte) error {
	return Replace(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// temp makes a file in dir under a random name that nothing has.
func (d *Disk) temp(dir string) (*File, error) {
	for {
		var b [tempDigits / 2]byte
		rand.Read(b[:])
		name := filepath.Join(dir, tempPrefix+hex.EncodeToString(b[:])+tempSuffix)
		file, err := d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL) // with O_EXCL no link is followed
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}

// keep gives the file the mode and the owner of the one that it will replace, as far as the user may.
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

// RemoveTemps deletes what killed processes left half written in a folder.
func RemoveTemps(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if IsTemp(e.Name()) && e.Type().IsRegular() {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
