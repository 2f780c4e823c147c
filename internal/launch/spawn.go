package launch

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is another rank that Spawn started on this machine.
type Process struct {
	Conn net.Conn // a pipe to it
	cmd  *exec.Cmd
	said tail
	done chan struct{}
	err  error
}

// inherited is the descriptor of a spawned process's pipe.
const inherited = 3

// Spawn starts a program as another rank. It finds its end of the pipe by Inherited. Its standard
// output is thrown away, its standard error kept for Ended. It is in a process group of its own, so
// that Ctrl-C reaches it through its parent alone.
func Spawn(program string, args ...string) (*Process, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("launch: a pipe to another rank: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "rank"), os.NewFile(uintptr(fds[1]), "rank")
	defer ours.Close()
	defer theirs.Close()
	p := &Process{cmd: exec.Command(program, args...), done: make(chan struct{})}
	if p.Conn, err = net.FileConn(ours); err != nil {
		return nil, fmt.Errorf("launch: a pipe to another rank: %w", err)
	}
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.Stderr = &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		p.Conn.Close()
		return nil, fmt.Errorf("launch: starting another rank: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Inherited is the pipe to rank 0 of a process that Spawn started.
func Inherited() (net.Conn, error) {
	f := os.NewFile(inherited, "rank 0")
	if f == nil {
		return nil, errors.New("launch: no pipe to rank 0")
	}
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, errors.New("launch: no pipe to rank 0: only shake itself starts this verb")
	}
	return c, nil
}

// ID is the process's number.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// endWait is the time that a process has to end by itself.
const endWait = 2 * time.Second

// Ended waits for the end of the process, a few seconds at most, after which it is killed. It
// returns how it ended, and its last words; "" after an end in good order.
func (p *Process) Ended() string {
	select {
	case <-p.done:
	case <-time.After(endWait):
		p.cmd.Process.Kill()
		<-p.done
	}
	if p.err == nil {
		return ""
	}
	words := fmt.Sprintf("process %d: %v", p.ID(), p.err)
	if s := p.said.String(); s != "" {
		words += ": " + s
	}
	return words
}

// tail keeps the last bytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-tailBytes):]
	return len(b), nil
}

// String is the last line that is not empty.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.TrimSpace(string(t.b))
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}
