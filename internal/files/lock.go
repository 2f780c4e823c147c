package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrLocked means that another process holds a lock.
var ErrLocked = errors.New("locked by another process")

// ErrReplaced means that the path of a lock no longer leads to the locked file.
var ErrReplaced = errors.New("removed, moved or replaced")

// Lock is a file that this process has locked. On a file system without locks it is an open file.
type Lock struct{ f *File }

// Lock locks the file at path and makes the file if it does not exist. The system releases the lock
// when the process ends, in any way. On a file system without locks the file is only held open.
func (d *Disk) Lock(path string) (*Lock, error) {
	f, err := d.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	l := &Lock{f}
	err = d.call(OpFlock, path, func() error { return syscall.Flock(int(f.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) })
	switch {
	case err == nil:
		err = l.Check() // another process may have replaced it since it was opened
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = ErrLocked
	case refused(err) || errors.Is(err, syscall.ENOLCK):
		d.notice("flock", "%s: its file system has no locks (%s): take care that no second process works there", filepath.Dir(path), err)
		err = nil
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// Check is ErrReplaced if the path of the lock leads to another file, or to none.
func (l *Lock) Check() error {
	held, err := l.f.f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Lstat(l.f.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err != nil || !os.SameFile(held, there) {
		return fmt.Errorf("%s: %w", filepath.Dir(l.f.path), ErrReplaced)
	}
	return nil
}

// Close releases the lock. The file stays: after its removal two processes could lock two files of
// one name.
func (l *Lock) Close() error { return l.f.Close() }
