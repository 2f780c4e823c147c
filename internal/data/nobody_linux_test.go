package data

import (
	"os"
	"runtime"
	"syscall"
)

// asNobody runs f; if the test runs as root, on a thread with the file system rights of the user
// "nobody".
func asNobody(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Getuid() == 0 {
		syscall.Setfsuid(65534)
		defer syscall.Setfsuid(0)
	}
	return f()
}
