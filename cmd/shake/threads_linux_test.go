package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFewThreads trains with 64 workers where a user may have 40 threads: fewer are used, and Go's
// runtime gets the threads that it needs. The limit does not hold for root, so that the test, as
// root, runs the program as another user.
func TestFewThreads(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a limit on this user's threads would count those of all of its processes: only root can run a process as a user that has none")
	}
	dir, err := os.MkdirTemp("", "shake-threads-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "testdata/tiny.toml", filepath.Join(dir, "tiny.toml"))
	copyFile(t, "/proc/self/exe", filepath.Join(dir, "shake")) // which is "shake" under that name
	const nobody = 65530                                       // a user without processes
	for _, limit := range []string{"12", "40"} {
		c := exec.Command("bash", "-c", "ulimit -u "+limit+" && exec ./shake run tiny.toml --device cpu --out r"+limit+" -o train.workers=64 -o train.epochs=20")
		c.Dir = dir
		c.Env = append(os.Environ(), "HOME="+dir)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := c.CombinedOutput()
		if err != nil || strings.Contains(string(out), "64 workers") || !strings.Contains(string(out), "trained") {
			t.Errorf("a limit of %s threads: %v\n%.2000s", limit, err, out)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
