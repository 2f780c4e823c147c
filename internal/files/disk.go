package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// Op is a system call.
type Op string

// The system calls for which Inject is called.
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

// cannot is the notice of a file system that cannot make files durable.
const cannot = "cannot be made durable (%s): a kill loses nothing, a power cut may"

// ErrShort, as an injected error of a write, lets half of the bytes through; the rest is a new
// call.
var ErrShort = errors.New("short write")

// Disk is the file system as a run sees it. The zero value and nil are the system's own. The
// functions of this package are the methods of nil.
//
// A call that EINTR interrupts is made again. A network file system may refuse locks and fsync
// without harm: such a refusal is a notice and the work goes on. Any other error ends the work.
type Disk struct {
	// Inject, if set, is called before every system call. Its error, if any, replaces the call.
	Inject func(op Op, path string) error
	// Changed, if set, receives every change of the file system after its call.
	Changed func(c Change)
	// Notice, if set, receives each limit of the file system once, with the first place where it
	// shows.
	Notice func(text string)

	told *told
}

// told is the limits that Notice has received.
type told struct {
	sync.Mutex
	limits map[limit]bool
}

// limit is a limit of a file system: a call, and the error by which it is refused.
type limit struct{ call, reason string }

// Beside is another Disk with the same hooks, for another goroutine. Each limit is noticed by one
// of the two.
func (d *Disk) Beside() *Disk {
	if d.told == nil {
		d.told = &told{}
	}
	other := *d
	return &other
}

// Change is a call that has changed the file system, or made a change durable. A crash of the
// machine may undo every change that no OpSync followed: of a file's bytes by OpSync of the file,
// of its name by OpSync of the folder.
type Change struct {
	Op   Op
	Path string // the file's present name; of a rename, its new one
	From string // of a rename: the old name
	Data []byte // of a write; valid during the call only
	At   int64  // of a write: the place of Data; of a truncation: the new size
}

func (d *Disk) changed(c Change) {
	if d != nil && d.Changed != nil {
		d.Changed(c)
	}
}

// call makes one system call, and makes it again if a signal interrupted it.
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

// notice reports a limit of the file system at a place. text has room for place and reason.
func (d *Disk) notice(call, text, place string, err error) {
	if d == nil || d.Notice == nil {
		return
	}
	if d.told == nil {
		d.told = &told{}
	}
	l := limit{call, reason(err).Error()}
	d.told.Lock()
	known := d.told.limits[l]
	if d.told.limits == nil {
		d.told.limits = map[limit]bool{}
	}
	d.told.limits[l] = true
	d.told.Unlock()
	if !known {
		d.Notice(fmt.Sprintf(text, place, l.reason))
	}
}

// refused tells whether err says that the file system does not know a call. The failure of a known
// call is another error.
func refused(err error) bool {
	return isAny(err, syscall.ENOSYS, syscall.EINVAL, syscall.EOPNOTSUPP, syscall.ENOTTY)
}

// Failed tells whether err comes from a system call, and not from the content of a file.
func Failed(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p)
}

// Full tells whether err is a lack of space: of the disk, a quota, or a limit on the size of files.
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

// Read is the function Read on this Disk.
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
	err := d.call(OpUnlink, path, func() error { return os.Remove(path) })
	if err == nil {
		d.changed(Change{Op: OpUnlink, Path: path})
	}
	return err
}

// Rename gives the file at from the name to, atomically.
func (d *Disk) Rename(from, to string) error {
	err := d.call(OpRename, to, func() error { return os.Rename(from, to) })
	if err == nil {
		d.changed(Change{Op: OpRename, Path: to, From: from})
	}
	return err
}

// Mkdir makes one folder and its name durable.
func (d *Disk) Mkdir(dir string) error {
	if err := d.call(OpMkdir, dir, func() error { return os.Mkdir(dir, 0o777) }); err != nil {
		return err
	}
	d.changed(Change{Op: OpMkdir, Path: dir})
	return d.SyncDir(filepath.Dir(dir))
}

// MkdirAll makes a folder and every missing folder above it.
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
	// Another process may have been faster.
	if err := d.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// SyncDir makes the names in a folder durable, if the file system and its rights permit.
func (d *Disk) SyncDir(dir string) error {
	var f *os.File
	err := d.call(OpOpen, dir, func() (err error) {
		f, err = os.Open(dir)
		return err
	})
	if err == nil {
		err = d.call(OpSync, dir, f.Sync)
		f.Close()
		if err == nil {
			d.changed(Change{Op: OpSync, Path: dir})
		}
	}
	if refused(err) || isAny(err, syscall.EACCES, syscall.EPERM, syscall.EBADF, syscall.EISDIR) {
		d.notice("fsync", "%s: names in it "+cannot, dir, err)
		return nil
	}
	return err
}
