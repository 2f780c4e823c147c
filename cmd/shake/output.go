package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"shake/internal/files"
	"shake/internal/train"
)

// write gives a file of the user the content that f writes. A regular file is written whole or not
// at all. A device or a pipe receives the content directly, and "-" is standard output. content is
// its name in an error.
func (a *app) write(name, content string, f func(io.Writer) error) error {
	if name == "-" {
		if out, ok := a.out.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
			return exit(exitUsage, fmt.Errorf("writing %s: standard output is a terminal: name a file, or send it through a pipe", content))
		}
		return f(a.out)
	}
	var inner error
	err := files.Write(name, func(w io.Writer) error {
		inner = f(w)
		return inner
	})
	if err != nil && err != inner {
		return fmt.Errorf("writing %s: %w", content, err)
	}
	if err == nil {
		fmt.Fprintf(a.err, "wrote %s\n", name)
	}
	return err
}

// foreign refuses to write a file that belongs to a run. "-" is none.
func foreign(name string) error {
	if name != "-" && train.Own(name) {
		return exit(exitUsage, fmt.Errorf("%s is a run's own file, which the run writes: name another file", name))
	}
	return nil
}

// writable refuses a file that could not be written after a long measurement, or should not: its
// folder is missing, it is a folder, or it belongs to a run. "" and "-" are none.
func writable(name string) error {
	if name == "" || name == "-" {
		return nil
	}
	if err := foreign(name); err != nil {
		return err
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return exit(exitUsage, fmt.Errorf("%s is a folder: name a file in it", name))
	}
	dir := filepath.Dir(name)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return exit(exitUsage, fmt.Errorf("%s: no folder %s to write it in: make it (mkdir -p %s), or name another", name, dir, dir))
	}
	return nil
}
