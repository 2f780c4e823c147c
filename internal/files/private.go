package files

import (
	"fmt"
	"os"
	"syscall"
)

// NotPrivate means that other users may put files into a folder whose content is trusted.
type NotPrivate struct {
	Dir  string
	What string // "it belongs to user 1001", "others may write to it"
}

func (e *NotPrivate) Error() string {
	return fmt.Sprintf("%s: not used: %s; remove it, or name another folder", e.Dir, e.What)
}

// Private makes a folder for the user alone, if it does not exist. It returns *NotPrivate if
// another user may put files into the folder: its owner is neither the user nor root, or others may
// write to it. If the folder is the user's own, Private takes the others' permission to write away.
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
		// A sticky folder is meant for all users, as /tmp is.
		if owner != os.Geteuid() || mode&os.ModeSticky != 0 || os.Chmod(dir, mode.Perm()&^0o022) != nil {
			return &NotPrivate{dir, "others may write to it"}
		}
	}
	return nil
}
