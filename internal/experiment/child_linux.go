package experiment

import "syscall"

// attributes make a child a process group of its own, so that Ctrl-C reaches it through its parent only, and have the system stop it with a checkpoint if the parent
// dies. The latter follows the thread that starts the child.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
