package files

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// NotRegular means that a path does not lead to a regular file and is not read: a pipe may never
// answer, a device has no end.
type NotRegular struct {
	Path string
	What string // "a folder", "a pipe", "a device", "a socket"
}

func (e *NotRegular) Error() string {
	return fmt.Sprintf("%s: want a regular file, have %s", e.Path, e.What)
}

// TooLarge means that a file is larger than any valid file of its kind.
type TooLarge struct {
	Path      string
	Size, Max int64 // bytes
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("%s: %d bytes, want at most %d", e.Path, e.Size, e.Max)
}

// Regular returns *NotRegular unless info describes a regular file.
func Regular(path string, info fs.FileInfo) error {
	what := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	default:
		what = "something else"
	}
	return &NotRegular{path, what}
}

// Open opens a regular file for reading and returns its size. For anything else it returns
// *NotRegular without opening it.
func Open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if err := Regular(path, info); err != nil {
		return nil, 0, err
	}
	// A pipe may have replaced the file.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err == nil {
		err = Regular(path, info)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Read returns the content of a regular file of at most max bytes; a larger one is *TooLarge and is
// not read.
func Read(path string, max int64) ([]byte, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > max {
		return nil, &TooLarge{path, size, max}
	}
	b := make([]byte, size)
	n, err := io.ReadFull(f, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF { // the file was cut meanwhile
		err = nil
	}
	return b[:n], err
}
