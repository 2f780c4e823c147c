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

// ErrReplaced means that the file of a lock is not the one at its path any more.
var ErrReplaced = errors.New("removed, moved or replaced")

// Lock is a file that this process has locked, or that it would have if the file system had locks.
type Lock struct{ f *File }

// Lock locks the file at path, which it makes if it is not there. The system gives the lock back when the process ends, however it ends. On a file
// system without locks the file is only held open.
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
		d.notice("%s: its file system has no locks (%v): take care that no second process works there", filepath.Dir(path), reason(err))
		err = nil
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// Check is ErrReplaced if the path of the lock leads to another file by now, or to none.
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

// Close gives the lock back. The file stays: removing it would let two processes lock two files of one name.
func (l *Lock) Close() error { return l.f.Close() }
