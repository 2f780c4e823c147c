package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUnseen: a run, a network and a file of weights in a folder that may not be entered are named
// as that, and not as absent. Root may enter every folder, so that the test, as root, runs the
// program as another user.
func TestUnseen(t *testing.T) {
	dir, err := os.MkdirTemp("", "shake-unseen-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "testdata/tiny.toml", filepath.Join(dir, "tiny.toml"))
	copyFile(t, "/proc/self/exe", filepath.Join(dir, "shake"))
	for _, args := range []string{"eval closed/r", "eval closed", "run --resume closed/r", "show closed/net.toml", "run closed/net.toml --out r", "export closed/r -", "report closed/r", "runs closed", "eval tiny.toml --weights closed/w"} {
		c := exec.Command(filepath.Join(dir, "shake"), strings.Fields(args)...)
		c.Dir = dir
		if os.Getuid() == 0 {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65530, Gid: 65530}}
		}
		out, err := c.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "permission denied") || strings.Count(string(out), "\n") > 2 {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}
