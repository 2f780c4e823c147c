package data

import (
	"os"
	"runtime"
	"syscall"
)

// asNobody runs f on a thread to which the file system gives what it gives nobody, if the test runs as root.
func asNobody(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Getuid() == 0 {
		syscall.Setfsuid(65534)
		defer syscall.Setfsuid(0)
	}
	return f()
}
