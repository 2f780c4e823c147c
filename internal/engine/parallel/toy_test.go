package parallel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/graph"
)

// toy is a program of one number w that a step moves by the sum of the batch, and of a replica's
// statistics. It records its calls.
type toy struct {
	rank   int
	mu     sync.Mutex
	calls  []string
	w      float32
	drift  float64       // added to this rank's loss
	wait   chan struct{} // not nil: Metrics waits for it
	slow   chan struct{} // not nil: it is compiled once this is closed
	fail   error         // of Step
	closed bool
	last   time.Duration // Close takes so long
	async  error
}

func (p *toy) say(s string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, fmt.Sprintf(s, args...))
}
func (p *toy) Load(_, _ *engine.Images) error { return nil }
func (p *toy) Step(s engine.Step) error {
	p.say("step %d %v", s.Iteration, s.Index)
	for _, i := range s.Index {
		p.w += float32(i)
	}
	return p.fail
}
func (p *toy) Metrics(reset bool) (engine.Metrics, error) {
	p.say("metrics %v", reset)
	if p.wait != nil {
		<-p.wait
		return engine.Metrics{}, errors.New("the wait was ended")
	}
	return engine.Metrics{Images: 3, Loss: 1.5 + p.drift, BadStep: -1}, nil
}
func (p *toy) Eval(lo, hi int) (engine.Metrics, error) {
	p.say("eval %d %d", lo, hi)
	return engine.Metrics{Images: hi - lo}, nil
}
func (p *toy) Logits(lo, hi int) ([]float32, error) {
	p.say("logits %d %d", lo, hi)
	return []float32{float32(lo)}, nil
}
func (p *toy) State() ([]engine.Tensor, error) {
	return []engine.Tensor{
		{Name: "w", Shape: []int{1}, F32: []float32{p.w}},
		{Name: fmt.Sprintf("replica%d/mean", p.rank), Shape: []int{1}, F32: []float32{float32(p.rank)}},
		{Name: "engine/own", Shape: []int{1}, F32: []float32{7}},
	}, nil
}
func (p *toy) SetState(ts []engine.Tensor) error {
	for _, t := range ts {
		if t.Name == "w" {
			p.w = t.F32[0]
		}
		p.say("set %s", t.Name)
	}
	return nil
}
func (p *toy) Info() engine.Info {
	return engine.Info{Device: "gpu", Detail: "toy", Cards: []string{fmt.Sprint(p.rank)}}
}
func (p *toy) AsyncError() error { return p.async }
func (p *toy) Close() error {
	time.Sleep(p.last)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

type toyBackend struct{ p *toy }

func (toyBackend) Name() string { return "toy" }
func (b toyBackend) Compile(*graph.Graph, engine.Config) (engine.Program, error) {
	if b.p.slow != nil {
		<-b.p.slow
	}
	return b.p, nil
}

// pair is two ends of a pipe between processes.
func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pipe")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		t.Cleanup(func() { ends[i].Close() })
	}
	return ends[0], ends[1]
}

// crew is three ranks of toys; served collects how the others ended.
type crew struct {
	Backend
	toys   []*toy
	served chan error
	theirs []net.Conn
}

func newCrew(t *testing.T) *crew {
	c := &crew{served: make(chan error, 2)}
	for rank := range 3 {
		c.toys = append(c.toys, &toy{rank: rank})
		if rank == 0 {
			continue
		}
		ours, theirs := pair(t)
		c.Peers = append(c.Peers, &Peer{Rank: rank, Name: fmt.Sprint("card ", rank), Conn: ours})
		c.theirs = append(c.theirs, theirs)
		w := NewWorker(theirs, func(hello, token []byte, _ <-chan struct{}) (engine.Program, error) {
			if string(hello) != "hello" || string(token) != "token" {
				return nil, fmt.Errorf("have %q, %q", hello, token)
			}
			return c.toys[rank], nil
		})
		go func() {
			err := w.Serve()
			theirs.Close() // as the end of the process does
			c.served <- err
		}()
	}
	c.Hello = []byte("hello")
	c.Local = func(lost <-chan struct{}) (engine.Backend, []byte, error) {
		if c.toys[0].wait != nil {
			go func() { <-lost; close(c.toys[0].wait) }()
		}
		return toyBackend{c.toys[0]}, []byte("token"), nil
	}
	return c
}

func (c *crew) compile(t *testing.T) engine.Program {
	t.Helper()
	p, err := c.Compile(nil, engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}
