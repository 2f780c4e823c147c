package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"shake/internal/files"
)

// write gives the file that the user named what f writes: a regular file whole or not at all, a device or a pipe as it comes, and for "-" standard
// output. what says what it is in an error.
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
