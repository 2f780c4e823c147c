package main

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudoterminal: the output of a program on slave is read from master.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	conn, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n uint32
	conn.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(n)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// TestLostTerminal closes the terminal of a run, as a lost SSH connection does: the kernel sends
// SIGHUP, and every write fails with EIO.
func TestLostTerminal(t *testing.T) {
	hearHangup(t)
	dir := t.TempDir() + "/r"
	master, slave := terminal(t)
	c := exec.Command("shake", endless(dir)...)
	out := pipe(t, c.StdoutPipe)
	c.Stdin, c.Stderr = slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	start(t, c)
	slave.Close()
	drained := make(chan bool)
	go func() { io.Copy(io.Discard, out); close(drained) }()
	seen := make([]byte, 4096)
	for total := 0; total < 2000; { // past the first lines, into the live one
		n, err := master.Read(seen)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	master.Close()
	<-drained
	if have := code(c); have != exitInterrupted {
		t.Errorf("exit code %d, want %d", have, exitInterrupted)
	}
	interrupted(t, dir)
}
