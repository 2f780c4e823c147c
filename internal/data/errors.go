package data

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrFormat matches every *FormatError.
var ErrFormat = errors.New("not in the official CIFAR binary format")

// SetError says that a set has no files to open or to fetch.
type SetError struct{ Set string }

func (e *SetError) Error() string {
	if e.Set == "synthetic" {
		return `data: set "synthetic" is generated from the seed: it has no files`
	}
	return fmt.Sprintf(`data: no set %q: want "cifar10", "cifar100" or "synthetic"`, e.Set)
}

// FormatError gives the place where a file departs from the format: it is truncated, damaged or of
// another kind.
type FormatError struct {
	Set string
	// File has a member of an archive as
	// "cifar-10-binary.tar.gz: cifar-10-batches-bin/test_batch.bin".
	File   string
	Offset int64  // of the first wrong byte in File
	Detail string // the wanted and the present content
	Err    error  // the cause, if another package found it
}

func (e *FormatError) Error() string {
	detail := e.Detail
	if e.Err != nil {
		detail += ": " + e.Err.Error()
	}
	return fmt.Sprintf("data: %s: offset %d: %s; `shake data fetch %s` gets the official files", e.File, e.Offset, detail, e.Set)
}

// Is makes errors.Is(err, ErrFormat) true.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// NotFoundError says that a set's files are nowhere. It matches fs.ErrNotExist.
type NotFoundError struct {
	Set     string
	Looked  []string // places, in order
	Missing []string // the missing files, if a place has some of the set's
	Found   []string // similar files that are there instead, "PATH: what it is"
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "data: no files of %s; looked for:", e.Set)
	for _, l := range e.Looked {
		b.WriteString("\n  " + l)
	}
	if len(e.Missing) > 0 {
		fmt.Fprintf(&b, "\nmissing: %s", strings.Join(e.Missing, ", "))
	}
	for _, f := range e.Found {
		b.WriteString("\nfound " + f)
	}
	fmt.Fprintf(&b, "\n`shake data fetch %s` gets the official archive", e.Set)
	return b.String()
}

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }
