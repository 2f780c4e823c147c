//go:build !linux

package experiment

import "syscall"

// attributes put a child into a process group of its own, so that Ctrl-C reaches it through its
// parent only.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
