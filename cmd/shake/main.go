// Command shake trains Shake-Shake networks, and any multi-branch convolutional network that its TOML language can say.
// Each verb has a file of its own; the exit codes stand in exit.go. Standard output is data, standard error is progress.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	abortOnFailure()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// abortOnFailure has Go's runtime end the process, out of memory or after a panic, by SIGABRT (134 in a shell): its own exit code, 2, means usage here.
func abortOnFailure() { debug.SetTraceback("crash") }
