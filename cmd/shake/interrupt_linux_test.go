package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// worked waits until a process has used some processor time: it is then beyond its first moments,
// of which it says nothing.
func worked(t *testing.T, c *exec.Cmd, least time.Duration) {
	t.Helper()
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		// The fields from the third on. User time is the 14th, in hundredths of a second.
		fields := strings.Fields(rest)
		if fields[0] == "Z" {
			t.Fatal("it ended")
		}
		if ticks, err := strconv.Atoi(fields[11]); err != nil {
			t.Fatal(err)
		} else if time.Duration(ticks)*10*time.Millisecond >= least {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestInterruptedBefore interrupts verbs that have said nothing yet: eval while it makes its
// images, profile while it takes steps.
func TestInterruptedBefore(t *testing.T) {
	for _, verb := range []struct {
		args []string
		want string
	}{
		{[]string{"eval", "testdata/tiny.toml", "--weights", "none", "-o", "data.train_images=50000", "-o", "data.test_images=10000"}, "shake: eval: interrupted\n"},
		{[]string{"profile", "testdata/tiny.toml", "--device", "cpu", "--steps", "10000"}, "stopping after this step; Ctrl-C again stops now\nshake: profile: interrupted\n"},
	} {
		for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			c := exec.Command("shake", verb.args...)
			var said bytes.Buffer
			c.Stderr = &said
			start(t, c)
			worked(t, c, 300*time.Millisecond)
			c.Process.Signal(sig)
			if have := code(c); have != exitInterrupted || said.String() != verb.want {
				t.Errorf("%s, %v: exit code %d, %q", verb.args[0], sig, have, said.String())
			}
		}
	}
}
