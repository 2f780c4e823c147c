package files

import (
	"fmt"
	"os"
	"syscall"
)

// NotPrivate means that others may put files into a folder of which the content is trusted.
type NotPrivate struct {
	Dir  string
	What string // "it belongs to user 1001", "others may write to it"
}

func (e *NotPrivate) Error() string {
	return fmt.Sprintf("%s: not used: %s; remove it, or name another folder", e.Dir, e.What)
}

// Private makes a folder that is the user's alone, if it is not there, and returns *NotPrivate if somebody else may put files into it: it belongs neither to the user nor to
// root, or others may write to it. From a folder of the user's own the others' permission to write is taken.
func Private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &os.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	owner := os.Geteuid()
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(s.Uid)
	}
	if owner != os.Geteuid() && owner != 0 {
		return &NotPrivate{dir, fmt.Sprintf("it belongs to user %d", owner)}
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 {
		if owner != os.Geteuid() || mode&os.ModeSticky != 0 || os.Chmod(dir, mode.Perm()&^0o022) != nil { // a sticky folder is meant for all, such as /tmp
			return &NotPrivate{dir, "others may write to it"}
		}
	}
	return nil
}
