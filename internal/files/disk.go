package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Op is a system call.
type Op string

// The calls that Inject is asked about.
const (
	OpOpen     Op = "open"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSync     Op = "fsync"
	OpTruncate Op = "truncate"
	OpClose    Op = "close"
	OpRename   Op = "rename"
	OpMkdir    Op = "mkdir"
	OpUnlink   Op = "unlink"
	OpFlock    Op = "flock"
	OpList     Op = "readdir"
)

// cannot says what is lost where nothing can be made durable.
const cannot = "cannot be made durable (%v): a kill loses nothing, a power cut may"

// ErrShort, as an injected error of a write, lets half of the bytes through; what follows is asked again.
var ErrShort = errors.New("short write")

// Disk is the file system as a run meets it. The zero value and nil are the system's own, and the package's functions are those of nil.
//
// EINTR is asked again. What a network file system may refuse without harm (locks; fsync of a folder or a file) is a notice, and work goes on; any other error ends it.
type Disk struct {
	// Inject, if set, is asked before every call, and an error of its is the answer in the call's place.
	Inject func(op Op, path string) error
	// Notice, if set, hears what the file system cannot do, once each.
	Notice func(text string)

	told map[string]bool
}

// call makes one system call, again where a signal interrupted it.
func (d *Disk) call(op Op, path string, f func() error) error {
	for {
		var err error
		if d != nil && d.Inject != nil {
			if err = d.Inject(op, path); err != nil {
				err = &fs.PathError{Op: string(op), Path: path, Err: err}
			}
		}
		if err == nil {
			err = f()
		}
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (d *Disk) notice(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if d == nil || d.Notice == nil || d.told[text] {
		return
	}
	if d.told == nil {
		d.told = map[string]bool{}
	}
	d.told[text] = true
	d.Notice(text)
}

// refused tells whether err says that a file system does not know a call, and not that the call failed.
func refused(err error) bool {
	return isAny(err, syscall.ENOSYS, syscall.EINVAL, syscall.EOPNOTSUPP, syscall.ENOTTY)
}

// Failed tells whether err is that of a call, and not of what was read.
func Failed(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p)
}

// Full tells whether err is for want of space: of the disk, a quota, or a limit on the size of files.
func Full(err error) bool { return isAny(err, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG) }

func isAny(err error, numbers ...syscall.Errno) bool {
	return slices.ContainsFunc(numbers, func(n syscall.Errno) bool { return errors.Is(err, n) })
}

// reason is err without the call and the path.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Names lists a folder, sorted.
func (d *Disk) Names(dir string) (names []string, err error) {
	err = d.call(OpList, dir, func() error {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return err
	})
	return names, err
}

// Read is the function Read through the seam.
func (d *Disk) Read(path string, max int64) (b []byte, err error) {
	if err := d.call(OpOpen, path, func() error { return nil }); err != nil {
		return nil, err
	}
	err = d.call(OpRead, path, func() (err error) {
		b, err = Read(path, max)
		return err
	})
	return b, err
}

// Remove deletes a file.
func (d *Disk) Remove(path string) error {
	return d.call(OpUnlink, path, func() error { return os.Remove(path) })
}

// Mkdir makes one folder and its name durable.
func (d *Disk) Mkdir(dir string) error {
	if err := d.call(OpMkdir, dir, func() error { return os.Mkdir(dir, 0o777) }); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(dir))
}

// MkdirAll makes a folder and those above it, as far as they are not there.
func (d *Disk) MkdirAll(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: string(OpMkdir), Path: dir, Err: syscall.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := d.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := d.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) { // another process was faster
		return err
	}
	return nil
}

// SyncDir makes the names in a folder durable, where the file system and its rights let it.
func (d *Disk) SyncDir(dir string) error {
	var f *os.File
	err := d.call(OpOpen, dir, func() (err error) {
		f, err = os.Open(dir)
		return err
	})
	if err == nil {
		err = d.call(OpSync, dir, f.Sync)
		f.Close()
	}
	if refused(err) || isAny(err, syscall.EACCES, syscall.EPERM, syscall.EBADF, syscall.EISDIR) {
		d.notice("%s: names in it "+cannot, dir, reason(err))
		return nil
	}
	return err
}
