package main

import (
	"bufio"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestInterrupt stops a run with each signal, which must leave a checkpoint from which it resumes.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir() + "/r"
	start := func(args ...string) (*exec.Cmd, *bufio.Reader) {
		c := exec.Command("shake", append([]string{"run", "--json"}, args...)...)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Kill() })
		r := bufio.NewReader(out)
		until(t, r, `"event":"step"`)
		return c, r
	}
	code := func(c *exec.Cmd) int {
		var e *exec.ExitError
		if err := c.Run(); err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode()
	}

	// Long enough that no machine finishes it before the signal.
	c, r := start("testdata/tiny.toml", "--out", dir, "-o", "train.epochs=10000", "-o", "train.log_steps=1")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if have := code(exec.Command("shake", "run", "--resume", dir)); have != exitLocked {
			t.Errorf("a second process in the directory: exit code %d, want %d", have, exitLocked)
		}
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		until(t, r, `"event":"saved"`)
		io.Copy(io.Discard, r)
		c.Wait()
		if have := c.ProcessState.ExitCode(); have != exitInterrupted {
			t.Fatalf("%v: exit code %d, want %d", sig, have, exitInterrupted)
		}
		c, r = start("--resume", dir)
	}
	c.Process.Kill()
	c.Wait()
}

// until reads lines up to one that contains text.
func until(t *testing.T, r *bufio.Reader, text string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("the run ended before %s", text)
		}
	}
}
