// Command shake trains Shake-Shake networks, and any multi-branch convolutional network that its TOML language can say.
// Each verb has a file of its own; the exit codes stand in exit.go. Standard output is data, standard error is progress.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
