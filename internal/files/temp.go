package files

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Temporary files are called .shake-, 16 hexadecimal digits, .tmp. The target's name is no part of
// it, because that may have the greatest length of a name already.
const (
	tempPrefix = ".shake-"
	tempSuffix = ".tmp"
	tempDigits = 16
)

// abandoned is the age from which a temporary file on a file system without locks counts as that of
// a killed process.
const abandoned = 24 * time.Hour

// IsTemp tells whether a base name is that of a temporary file of this package, which a killed
// process may leave behind.
func IsTemp(name string) bool {
	rest, ours := strings.CutPrefix(name, tempPrefix)
	digits, ended := strings.CutSuffix(rest, tempSuffix)
	return ours && ended && len(digits) == tempDigits && strings.Trim(digits, "0123456789abcdef") == ""
}

// temp makes a file in dir under a new random name. Until release, RemoveTemp leaves it alone.
func (d *Disk) temp(dir string) (file *File, release func(), err error) {
	for {
		var b [tempDigits / 2]byte
		rand.Read(b[:])
		name := filepath.Join(dir, tempPrefix+hex.EncodeToString(b[:])+tempSuffix)
		// With O_EXCL no link is followed.
		file, err := d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if release, ok := d.hold(file); ok {
			return file, release, nil
		}
		file.f.Close() // a cleaner saw it before the lock, and deletes it
	}
}

// hold locks a new temporary file. ok is false if another process has the lock, or had it and
// deleted the file. The lock outlives file.Close: it ends with release, after the file has its
// final name. A file system without locks gives none, which is no error.
func (d *Disk) hold(file *File) (release func(), ok bool) {
	err := d.call(OpFlock, file.path, func() error { return syscall.Flock(int(file.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, false
	}
	if info, err := file.f.Stat(); err == nil {
		if s, is := info.Sys().(*syscall.Stat_t); is && s.Nlink == 0 {
			return nil, false
		}
	}
	syscall.ForkLock.RLock() // no child inherits the descriptor
	second, err := syscall.Dup(int(file.f.Fd()))
	if err == nil {
		syscall.CloseOnExec(second)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return func() {}, true
	}
	return func() { syscall.Close(second) }, true
}

// RemoveTemp deletes a temporary file that a killed process left. It leaves one alone at which a
// process is at work, as the file's lock tells; without locks, one that is younger than a day.
func (d *Disk) RemoveTemp(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := d.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer f.f.Close()
	err = d.call(OpFlock, path, func() error { return syscall.Flock(int(f.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) || err != nil && time.Since(info.ModTime()) < abandoned {
		return nil
	}
	return d.Remove(path)
}
