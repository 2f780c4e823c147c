package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"shake/internal/train"
)

// endless is a run that no machine finishes before the signal.
func endless(dir string) []string {
	return []string{"run", "testdata/tiny.toml", "--out", dir, "--json", "-o", "train.epochs=50000", "-o", "train.log_steps=1", "-o", "train.checkpoint_every=50000"}
}

// start starts a command that ends with the test at the latest.
func start(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
}

// pipe is a command's StdoutPipe or StderrPipe.
func pipe(t *testing.T, of func() (io.ReadCloser, error)) io.ReadCloser {
	t.Helper()
	r, err := of()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// running starts a command and waits for the first step of its run. The returned reader gives its
// further standard output.
func running(t *testing.T, c *exec.Cmd) *bufio.Reader {
	t.Helper()
	out := pipe(t, c.StdoutPipe)
	var errs strings.Builder
	c.Stderr = &errs
	t.Cleanup(func() {
		if c.Wait(); t.Failed() {
			t.Log(errs.String())
		}
	})
	start(t, c)
	r := bufio.NewReader(out)
	until(t, r, `"event":"step"`)
	return r
}

// hearHangup has the processes that a test starts hear SIGHUP, which they would inherit as ignored
// where the tests themselves run under nohup. A signal that is caught here has its default there.
func hearHangup(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(c) })
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

// code waits for a command and returns its exit code.
func code(c *exec.Cmd) int {
	c.Wait()
	return c.ProcessState.ExitCode()
}

// interrupted checks that the run in dir stopped in good order, with steps in its checkpoint.
func interrupted(t *testing.T, dir string) {
	t.Helper()
	rec, err := train.ReadRecord(dir)
	if err != nil || rec.Status != train.Interrupted || rec.Steps == 0 {
		t.Errorf("record %+v, %v", rec, err)
	}
}

// TestInterrupt stops a run with each signal. The run must leave a checkpoint from which it
// resumes.
func TestInterrupt(t *testing.T) {
	hearHangup(t)
	dir := t.TempDir() + "/r"
	c := exec.Command("shake", endless(dir)...)
	r := running(t, c)
	for _, sig := range stopSignals {
		second := exec.Command("shake", "run", "--resume", dir)
		second.Run()
		if have := second.ProcessState.ExitCode(); have != exitLocked {
			t.Errorf("a second process in the directory: exit code %d, want %d", have, exitLocked)
		}
		c.Process.Signal(sig)
		until(t, r, `"event":"saved"`)
		io.Copy(io.Discard, r)
		if have := code(c); have != exitInterrupted {
			t.Fatalf("%v: exit code %d, want %d", sig, have, exitInterrupted)
		}
		interrupted(t, dir)
		c = exec.Command("shake", "run", "--json", "--resume", dir)
		r = running(t, c)
	}
}

// stuck is a verb that never comes to the end of its step.
func stuck() {
	interruptible(func() { fmt.Println("stopping") })
	fmt.Println("ready")
	select {}
}

// TestSecondInterrupt: a second Ctrl-C ends a verb at once, with the same code; the echo of the
// first does not.
func TestSecondInterrupt(t *testing.T) {
	c := exec.Command("stuck")
	r := bufio.NewReader(pipe(t, c.StdoutPipe))
	start(t, c)
	ended := make(chan int, 1)
	until(t, r, "ready")
	c.Process.Signal(os.Interrupt)
	until(t, r, "stopping")
	c.Process.Signal(syscall.SIGTERM) // not a second Ctrl-C, however late
	time.Sleep(2 * bounce)
	c.Process.Signal(syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, r)
		ended <- code(c)
	}()
	select {
	case have := <-ended:
		t.Fatalf("it ended with %d after one Ctrl-C", have)
	case <-time.After(bounce):
	}
	c.Process.Signal(os.Interrupt)
	if have := <-ended; have != exitInterrupted {
		t.Errorf("exit code %d, want %d", have, exitInterrupted)
	}
}

// TestExportKilled kills exports over one file: it is always the one or the other, whole.
func TestExportKilled(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "w.safetensors")
	export := func(seed int) *exec.Cmd {
		return exec.Command("shake", "export", "testdata/tiny.toml", file, "--init", strconv.Itoa(seed))
	}
	contents := map[string]bool{}
	from := time.Now()
	for seed := range 2 {
		if out, err := export(seed).CombinedOutput(); err != nil {
			t.Fatalf("%s", out)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents[string(b)] = true
	}
	length := time.Since(from) / 2
	kills := 12
	if os.Getenv("SHAKE_CAMPAIGN") == "1" {
		kills = 200
	}
	for i := range kills {
		c := export(i % 2)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(length * time.Duration(i%12) / 10)
		c.Process.Kill()
		c.Wait()
		if b, err := os.ReadFile(file); err != nil || !contents[string(b)] {
			t.Fatalf("kill %d: %d bytes that are neither, %v", i, len(b), err)
		}
	}
}

// trainsOn waits until the run in dir has made so many more steps.
func trainsOn(t *testing.T, dir string, steps int, ended <-chan int) {
	t.Helper()
	step := func() int {
		rec, err := train.ReadRecord(dir)
		if err != nil {
			return 0
		}
		return rec.Steps
	}
	patience := time.After(2 * time.Minute)
	for from := step(); step() < from+steps; {
		select {
		case have := <-ended:
			t.Fatalf("the run ended with %d", have)
		case <-patience:
			t.Fatalf("the run stands still at step %d", step())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestSaveSignals asks a run for checkpoints, as a scheduler's warning does; the run goes on.
func TestSaveSignals(t *testing.T) {
	dir := t.TempDir() + "/r"
	c := exec.Command("shake", endless(dir)...)
	r := running(t, c)
	for _, sig := range saveSignals {
		c.Process.Signal(sig)
		until(t, r, `"event":"saved"`)
		until(t, r, `"event":"step"`)
	}
	c.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, r)
	if have := code(c); have != exitInterrupted {
		t.Errorf("exit code %d", have)
	}
}

// TestBrokenOutput closes a run's standard output and error, as in a pipeline whose other programs
// Ctrl-C has ended. The run goes on. The interrupt leaves a checkpoint and its own exit code.
func TestBrokenOutput(t *testing.T) {
	for name, args := range map[string][]string{"json": {"--json"}, "text": nil} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/r"
			all := endless(dir)
			c := exec.Command("shake", append(append(all[:4:4], all[5:]...), append(args, "-o", "train.checkpoint_steps=1")...)...)
			errs, out := pipe(t, c.StderrPipe), pipe(t, c.StdoutPipe)
			start(t, c)
			until(t, bufio.NewReader(errs), "directory")
			out.Close()
			errs.Close()
			ended := make(chan int, 1)
			go func() { ended <- code(c) }()
			trainsOn(t, dir, 20, ended) // more than one line of progress and one of an epoch
			c.Process.Signal(os.Interrupt)
			if have := <-ended; have != exitInterrupted {
				t.Errorf("exit code %d, want %d", have, exitInterrupted)
			}
			interrupted(t, dir)
		})
	}
}

// TestNohup sends SIGHUP to a run that was started with the signal ignored.
func TestNohup(t *testing.T) {
	dir := t.TempDir() + "/r"
	c := exec.Command("sh", append([]string{"-c", `trap "" HUP; exec shake "$@"`, "sh"}, endless(dir)...)...)
	r := running(t, c)
	c.Process.Signal(syscall.SIGHUP)
	for range 20 {
		until(t, r, `"event":"step"`)
	}
	c.Process.Signal(os.Interrupt)
	io.Copy(io.Discard, r)
	if have := code(c); have != exitInterrupted {
		t.Errorf("exit code %d", have)
	}
}

// TestAbort: Go's runtime does not end a process with its own exit code, which means usage here.
func TestAbort(t *testing.T) {
	c := exec.Command("panics")
	c.Run()
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGABRT {
		t.Errorf("have %v, want SIGABRT", c.ProcessState)
	}
}

// TestEvalInterrupted stops an evaluation.
func TestEvalInterrupted(t *testing.T) {
	weights := t.TempDir() + "/w.safetensors"
	if out, err := exec.Command("shake", "export", "testdata/tiny.toml", weights).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	c := exec.Command("shake", "eval", "testdata/tiny.toml", "--weights", weights, "--device", "ref", "-o", "data.test_images=10000", "-o", "data.train_images=16")
	r := bufio.NewReader(pipe(t, c.StderrPipe))
	start(t, c)
	until(t, r, "test images")
	time.Sleep(bounce) // the evaluation begins after that line
	c.Process.Signal(os.Interrupt)
	said, _ := io.ReadAll(r)
	if have := code(c); have != exitInterrupted || string(said) != "shake: eval: interrupted\n" {
		t.Errorf("exit code %d, %q", have, said)
	}
}
