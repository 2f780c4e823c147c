package parallel

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"shake/internal/engine"
)

// Worker is a rank other than 0.
type Worker struct {
	Conn net.Conn // to rank 0
	// Open makes the rank's program, with its images, from Backend.Hello and the token of
	// Backend.Local. lost is closed when rank 0 is gone.
	Open func(hello, token []byte, lost <-chan struct{}) (engine.Program, error)
	Card func() string // this rank's card, by UUID; nil, or "": not known
	// Reached is Backend.Reached, of this rank. Open works as Compile does.
	Reached func() (at, work uint64)

	beat time.Duration // tests shorten it; 0: beat
	line *line
	once sync.Once
	lost chan struct{}
}

// ErrLeft is the error of Serve when rank 0 ended without closing its program.
var ErrLeft = errors.New("parallel: rank 0 is gone")

// NewWorker is a worker behind a connection.
func NewWorker(c net.Conn, open func(hello, token []byte, lost <-chan struct{}) (engine.Program, error)) *Worker {
	return &Worker{Conn: c, Open: open, line: newLine(c), lost: make(chan struct{})}
}

// AskStop tells rank 0 that a signal asks this rank to stop. It may be called from any goroutine.
func (w *Worker) AskStop(signal string) { w.line.send(answer{Stop: signal}) }

// AskSave tells rank 0 that a signal asks for a checkpoint.
func (w *Worker) AskSave() { w.line.send(answer{Save: true}) }

// Fail tells rank 0, in place of Serve, that this rank cannot take part, and hangs up.
func (w *Worker) Fail(err error) {
	w.line.send(answer{Failed: err.Error()})
	w.Conn.Close()
}

// Serve answers rank 0's requests until it closes. Errors are told to rank 0 and returned; ErrLeft
// if rank 0 is gone. Silence counts from rank 0's first word on, since rank 0 may wait for other
// ranks before; the end of its process ends the connection.
func (w *Worker) Serve() error {
	requests := make(chan request, 64)
	var missed atomic.Int32
	var heard atomic.Bool // rank 0's beats have begun
	go func() {
		defer close(requests)
		for {
			var r request
			if w.line.dec.Decode(&r) != nil {
				w.leave()
				return
			}
			missed.Store(0)
			heard.Store(true)
			if r.Op == opBeat {
				continue
			}
			select {
			case requests <- r:
			case <-w.lost:
				return
			}
		}
	}()
	go func() {
		a := answer{Op: opCard}
		if w.Card != nil {
			a.Card = w.Card()
		}
		w.line.send(a)
	}()
	done := make(chan struct{})
	defer close(done)
	go func() {
		t := time.NewTicker(cmp.Or(w.beat, beat))
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
			}
			if heard.Load() && missed.Add(1) > silent {
				w.leave()
			}
			b := answer{Op: opBeat}
			if w.Reached != nil {
				b.At, b.Work = w.Reached()
			}
			w.line.send(b)
		}
	}()
	var p engine.Program
	stuck := false
	defer func() {
		if p != nil && !stuck {
			p.Close()
		}
	}()
	for r := range requests {
		var a answer
		var err error
		if a, stuck, err = w.attempt(&p, r); stuck {
			return ErrLeft
		}
		if err != nil {
			select {
			case <-w.lost:
				return ErrLeft
			default:
			}
			w.line.send(answer{Failed: err.Error()})
			return err
		}
		if r.Op != opStep && w.line.send(a) != nil {
			return ErrLeft
		}
		if r.Op == opClose {
			return nil
		}
	}
	return ErrLeft
}

// leave marks rank 0 as gone.
func (w *Worker) leave() {
	w.once.Do(func() {
		close(w.lost)
		w.Conn.Close()
	})
}

// attempt makes one call. Once rank 0 is gone it has a moment more; stuck says that it did not end.
func (w *Worker) attempt(p *engine.Program, r request) (a answer, stuck bool, err error) {
	type outcome struct {
		a   answer
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		a, err := w.do(p, r)
		done <- outcome{a, err}
	}()
	select {
	case o := <-done:
		return o.a, false, o.err
	case <-w.lost:
	}
	select {
	case o := <-done:
		return o.a, false, o.err
	case <-time.After(leaveWait):
		return a, true, nil
	}
}

// do makes one call.
func (w *Worker) do(p *engine.Program, r request) (answer, error) {
	a := answer{Op: r.Op}
	var err error
	if r.Op == opCompile {
		if *p, err = w.Open(r.Hello, r.Token, w.lost); err == nil {
			a.Info = (*p).Info()
		}
		return a, err
	}
	if *p == nil {
		return a, fmt.Errorf("parallel: request %d before there is a program", r.Op)
	}
	switch r.Op {
	case opStep:
		err = (*p).Step(r.Step)
	case opMetrics:
		a.Metrics, err = (*p).Metrics(r.Reset)
	case opEval:
		a.Metrics, err = (*p).Eval(r.Lo, r.Hi)
	case opLogits:
		_, err = (*p).Logits(r.Lo, r.Hi)
	case opState:
		var ts []engine.Tensor
		if ts, err = (*p).State(); err == nil {
			a.Tensors = pack(slices.DeleteFunc(ts, func(t engine.Tensor) bool { return !strings.HasPrefix(t.Name, replica) }))
		}
	case opSetState:
		err = setOwn(*p, unpack(r.Tensors))
	case opProfile:
		err = profiler(*p).Profile(r.Reset)
	case opClose:
		err = (*p).Close()
	default:
		err = fmt.Errorf("parallel: no request %d", r.Op)
	}
	return a, err
}

// setOwn sets the tensors without the running statistics of other ranks' replicas.
func setOwn(p engine.Program, ts []engine.Tensor) error {
	own, err := p.State()
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, t := range own {
		has[t.Name] = true
	}
	return p.SetState(slices.DeleteFunc(ts, func(t engine.Tensor) bool {
		return strings.HasPrefix(t.Name, replica) && !has[t.Name]
	}))
}
