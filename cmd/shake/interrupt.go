package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// The signals that a verb which works for long hears.
var (
	// stopSignals end it in good order. SIGXCPU is the soft limit of processor time, a second before the hard one.
	stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGXCPU}
	// saveSignals are a scheduler's warning (sbatch --signal): a checkpoint, and on it goes.
	saveSignals = []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2}
	// deafSignals end a Go program when it writes to where nothing can be written; the error of that write does instead.
	deafSignals = []os.Signal{syscall.SIGPIPE, syscall.SIGXFSZ}
)

// bounce is how long after the first signal another one is taken for its echo: a wrapper (timeout, mpirun, docker) passes on the Ctrl-C that the
// terminal sends to all of them, and a closed terminal sends SIGHUP from the kernel and from the shell.
const bounce = 300 * time.Millisecond

// interruption is what signals ask of a verb.
type interruption struct {
	context.Context               // ended by the first of stopSignals
	save            chan struct{} // a checkpoint is wanted
	cancel          func()
	said            chan struct{} // closed when the notice was given
}

// interruptible listens to signals. The first of stopSignals ends the context and has notice called, from another goroutine: whatever
// notice waits for, such as a terminal that is stopped, holds nothing up. A second Ctrl-C ends the process at once: whoever asks twice does not
// want to wait for a checkpoint. Repetitions of the others, which are programs', change nothing. SIGHUP stays ignored where it was (nohup).
//
// Signals stay caught after stop: the process is about to end, and its exit code is no longer theirs.
func interruptible(notice func()) *interruption {
	ctx, cancel := context.WithCancel(context.Background())
	i := &interruption{Context: ctx, save: make(chan struct{}, 1), cancel: cancel, said: make(chan struct{})}
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
		switch {
		case slices.Contains(saveSignals, s):
			select {
			case i.save <- struct{}{}:
			default: // one is wanted already
			}
		case first.IsZero():
			first = time.Now()
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

// stop ends the context. It waits a moment for the notice, so that it stands above what comes next.
func (i *interruption) stop() {
	if i.Err() != nil {
		select {
		case <-i.said:
		case <-time.After(time.Second):
		}
	}
	i.cancel()
}
