package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is an open file.
type File struct {
	d    *Disk
	f    *os.File
	path string
}

// OpenFile opens a file as os.OpenFile does. The umask gives the rights of a new file. A path to
// anything but a regular file is *NotRegular; OpenFile does not wait for it.
func (d *Disk) OpenFile(path string, flag int) (*File, error) {
	f := &File{d: d, path: path}
	err := d.call(OpOpen, path, func() (err error) {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return Regular(path, info)
		}
		f.f, err = os.OpenFile(path, flag, 0o666)
		return err
	})
	if err != nil {
		return nil, err
	}
	if flag&os.O_CREATE != 0 {
		d.changed(Change{Op: OpOpen, Path: path})
	}
	return f, nil
}

// Name returns the path that the file was opened by.
func (f *File) Name() string { return f.path }

// Write writes all of b, or returns the reason.
func (f *File) Write(b []byte) (n int, err error) {
	for {
		part := b[n:]
		err := f.d.call(OpWrite, f.path, func() error {
			m, err := f.write(part)
			n += m
			return err
		})
		if !errors.Is(err, ErrShort) {
			return n, err
		}
		m, err := f.write(part[:len(part)/2])
		n += m
		if err != nil {
			return n, err
		}
	}
}

// write is one call.
func (f *File) write(b []byte) (n int, err error) {
	n, err = f.f.Write(b)
	if n > 0 && f.d != nil && f.d.Changed != nil {
		if end, err := f.f.Seek(0, io.SeekCurrent); err == nil {
			f.d.Changed(Change{Op: OpWrite, Path: f.f.Name(), Data: b[:n], At: end - int64(n)})
		}
	}
	return n, err
}

// Read is that of os.File.
func (f *File) Read(b []byte) (n int, err error) {
	err = f.d.call(OpRead, f.path, func() error {
		n, err = f.f.Read(b)
		if err == io.EOF {
			return nil
		}
		return err
	})
	if err == nil && n == 0 && len(b) > 0 {
		err = io.EOF
	}
	return n, err
}

// ReadAt is that of os.File.
func (f *File) ReadAt(b []byte, offset int64) (n int, err error) {
	end := false
	err = f.d.call(OpRead, f.path, func() error {
		n, err = f.f.ReadAt(b, offset)
		if end = err == io.EOF; end {
			return nil
		}
		return err
	})
	if err == nil && end {
		err = io.EOF
	}
	return n, err
}

// Seek is that of os.File.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.f.Seek(offset, whence) }

// Truncate cuts the file to size.
func (f *File) Truncate(size int64) error {
	err := f.d.call(OpTruncate, f.path, func() error { return f.f.Truncate(size) })
	if err == nil {
		f.d.changed(Change{Op: OpTruncate, Path: f.f.Name(), At: size})
	}
	return err
}

// Sync makes the written bytes durable, if the file system can.
func (f *File) Sync() error {
	err := f.d.call(OpSync, f.path, f.f.Sync)
	if err == nil {
		f.d.changed(Change{Op: OpSync, Path: f.f.Name()})
	}
	if refused(err) {
		f.d.notice("fsync", "%s: files in it "+cannot, filepath.Dir(f.path), err)
		return nil
	}
	return err
}

// Close closes the file. On a network file system its error may come from an earlier write.
func (f *File) Close() error {
	err := f.f.Close()
	if f.d != nil && f.d.Inject != nil && err == nil {
		if err = f.d.Inject(OpClose, f.path); err != nil {
			err = &fs.PathError{Op: string(OpClose), Path: f.path, Err: err}
		}
	}
	if errors.Is(err, syscall.EINTR) { // it is closed
		return nil
	}
	return err
}
