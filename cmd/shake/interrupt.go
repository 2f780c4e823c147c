package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// The signals that a long verb listens to.
var (
	// stopSignals end the verb in good order. SIGXCPU is the soft limit of processor time, a second
	// before the hard one.
	stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGXCPU}
	// saveSignals are a scheduler's warning (sbatch --signal): the run writes a checkpoint and goes
	// on.
	saveSignals = []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2}
	// deafSignals end a Go program that writes to a broken pipe or past a limit on file size. They
	// are ignored, and the write returns an error instead.
	deafSignals = []os.Signal{syscall.SIGPIPE, syscall.SIGXFSZ}
)

// bounce is the time after the first signal during which another one counts as its echo. A wrapper
// (timeout, mpirun, docker) passes on the Ctrl-C that the terminal sends to all of them, and a
// closed terminal sends SIGHUP from the kernel and from the shell.
const bounce = 300 * time.Millisecond

// interruption is the requests of signals to a verb.
type interruption struct {
	context.Context               // ended by the first of stopSignals
	save            chan struct{} // requests for a checkpoint
	heard           chan struct{} // closed by the first of stopSignals
	cancel          func()
	said            chan struct{} // closed after the notice is given
	over            atomic.Int64  // the time of stop, in nanoseconds; 0: not yet
}

// interruptible listens to signals. The first of stopSignals ends the context. It also calls
// notice, from another goroutine, so that a notice that blocks, as on a stopped terminal, holds
// nothing up. A second Ctrl-C ends the process at once, without a checkpoint. Repetitions of the
// other signals, which come from programs, change nothing. SIGHUP stays ignored if it was (nohup).
//
// Signals stay caught after stop: the process is about to end, and its exit code no longer depends
// on them. From a second after stop on they end it, as its last words may wait for a reader that
// stands still.
func interruptible(notice func()) *interruption {
	ctx, cancel := context.WithCancel(context.Background())
	i := &interruption{Context: ctx, save: make(chan struct{}, 1), heard: make(chan struct{}), cancel: cancel, said: make(chan struct{})}
	signal.Ignore(deafSignals...)
	stops := slices.DeleteFunc(slices.Clone(stopSignals), func(s os.Signal) bool { return s == syscall.SIGHUP && signal.Ignored(s) })
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, append(stops, saveSignals...)...)
	go i.hear(signals, notice)
	return i
}

func (i *interruption) hear(signals <-chan os.Signal, notice func()) {
	var first time.Time
	for s := range signals {
		over := i.over.Load()
		switch {
		case slices.Contains(saveSignals, s):
			select {
			case i.save <- struct{}{}:
			default: // one request is already waiting
			}
		case over != 0 && time.Since(time.Unix(0, over)) > time.Second:
			os.Exit(exitInterrupted)
		case first.IsZero():
			first = time.Now()
			close(i.heard)
			i.cancel()
			go func() {
				notice()
				close(i.said)
			}()
		case s == os.Interrupt && time.Since(first) > bounce:
			os.Exit(exitInterrupted)
		}
	}
}

// stop ends the context; called again it does nothing. It waits a moment for the notice, so that
// the notice stands above the next output.
func (i *interruption) stop() {
	if i.over.Load() != 0 {
		return
	}
	if i.Err() != nil {
		select {
		case <-i.said:
		case <-time.After(time.Second):
		}
	}
	i.cancel()
	i.over.Store(time.Now().UnixNano())
}
