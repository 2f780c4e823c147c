package experiment

import "syscall"

// attributes put a child into a process group of its own, so that Ctrl-C reaches it through its
// parent only. If the parent dies, the system signals the child, which stops with a checkpoint.
// This signal is sent when the thread that started the child ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
