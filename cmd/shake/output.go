package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"shake/internal/files"
)

// write gives a file of the user the content that f writes. A regular file is written whole or not
// at all. A device or a pipe receives the content directly, and "-" is standard output. what
// describes the content in an error.
func (a *app) write(name, what string, f func(io.Writer) error) error {
	if name == "-" {
		if out, ok := a.out.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
			return exit(exitUsage, fmt.Errorf("writing %s: standard output is a terminal: name a file, or send it through a pipe", what))
		}
		return f(a.out)
	}
	var inner error
	err := files.Write(name, func(w io.Writer) error {
		inner = f(w)
		return inner
	})
	if err != nil && err != inner {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	if err == nil {
		fmt.Fprintf(a.err, "wrote %s\n", name)
	}
	return err
}
