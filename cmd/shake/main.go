// Command shake trains Shake-Shake networks, and any multi-branch convolutional network that its
// TOML language can describe. Each verb has a file of its own; exit.go has the exit codes. Standard
// output is data, standard error is progress.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	abortOnFailure()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// abortOnFailure makes Go's runtime end the process by SIGABRT (134 in a shell) when memory runs
// out or after a panic. The runtime's own exit code, 2, means usage here.
func abortOnFailure() { debug.SetTraceback("crash") }
