package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStoppedReader stops the reader of a run's events. The run trains on; the reader that goes on
// gets every step; one that never does not hold up the end that a signal asks for.
func TestStoppedReader(t *testing.T) {
	dir := t.TempDir() + "/r"
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
	c := exec.Command("shake", append(endless(dir), "-o", "train.checkpoint_steps=10")...)
	c.Stdout, c.Stderr = w, w
	start(t, c)
	w.Close()
	ended := make(chan int, 1)
	go func() { ended <- code(c) }()
	out := bufio.NewReader(r)
	until(t, out, `"event":"step"`)
	trainsOn(t, dir, 80, ended) // a step's line has a hundred bytes
	last := 0
	for last < 60 {
		b, err := out.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			Event string
			Step  int
		}
		if json.Unmarshal(b, &e) != nil || e.Event != "step" {
			continue
		}
		if last > 0 && e.Step != last+1 {
			t.Fatalf("step %d follows step %d", e.Step, last)
		}
		last = e.Step
	}
	trainsOn(t, dir, 80, ended)
	c.Process.Signal(syscall.SIGTERM)
	if have := <-ended; have != exitInterrupted {
		t.Errorf("exit code %d, want %d", have, exitInterrupted)
	}
	interrupted(t, dir)
}

// TestStoppedTerminal stops a run's terminal, as Ctrl-S does.
func TestStoppedTerminal(t *testing.T) {
	dir := t.TempDir() + "/r"
	master, slave := terminal(t)
	c := exec.Command("shake", append(endless(dir), "-o", "train.checkpoint_steps=10")...)
	c.Stdin, c.Stderr = slave, slave
	c.Stdout = nil
	start(t, c)
	seen := make([]byte, 4096)
	for total := 0; total < 1000; {
		n, err := master.Read(seen)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if _, err := master.Write([]byte{'S' - '@'}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan int, 1)
	go func() { ended <- code(c) }()
	trainsOn(t, dir, 100, ended)
	c.Process.Signal(syscall.SIGTERM)
	if have := <-ended; have != exitInterrupted {
		t.Errorf("exit code %d, want %d", have, exitInterrupted)
	}
	interrupted(t, dir)
	go io.Copy(io.Discard, master)
}
