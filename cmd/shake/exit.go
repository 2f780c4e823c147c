package main

import (
	"context"
	"errors"
	"io/fs"

	"shake/dsl"
	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/experiment"
	"shake/internal/files"
	"shake/internal/train"
)

// The exit codes. Scripts may rely on them; "shake help exit-codes" prints the list.
const (
	exitOK       = 0
	exitInternal = 1 // a fault of shake or of the machine: no space left, out of memory, a bug
	// exitUsage: an unknown verb, flag, device or argument, a missing file, or a precision that the
	// device lacks.
	exitUsage = 2
	exitSpec  = 3 // the network cannot be read: every mistake is listed with its place
	exitData  = 4 // the data set is missing, foreign or damaged
	// exitDiverged: the loss became infinite or not a number. This is a result, and the run directory
	// records it.
	exitDiverged = 5
	exitLocked   = 6 // another process works in the run directory
	// exitCorrupt: weights or checkpoints are damaged, of another network, or of a later version.
	exitCorrupt = 7
	// exitInterrupted: Ctrl-C, SIGTERM, SIGHUP or SIGXCPU stopped the run after a checkpoint, or a
	// second Ctrl-C stopped it at once.
	exitInterrupted = 130
)

// exitCodes is the list as "shake help exit-codes" prints it.
const exitCodes = `  0  ok
  1  internal     a fault of shake or of the machine: no space left, out of memory, a bug
  2  usage        an unknown verb, flag, device or argument, a file that is not there, or a
                 precision that the device lacks
  3  bad spec     the network cannot be read; every mistake is listed with its place
  4  data         the data set is missing, foreign or damaged
  5  diverged     the loss became infinite or not a number; the run directory records it
  6  locked       another process works in the run directory
  7  corrupt      weights or checkpoints are damaged, of another network, or of a later version
130  interrupted  stopped by Ctrl-C, SIGTERM or SIGHUP after a checkpoint; at once by a second Ctrl-C
134  aborted      SIGABRT from Go's runtime, with a dump: out of memory, or a bug
`

// fault is an error with the exit code of the process. A fault without an error is already reported
// in full.
type fault struct {
	code int
	err  error
}

func (f *fault) Error() string {
	if f.err == nil {
		return "failed"
	}
	return f.err.Error()
}

func (f *fault) Unwrap() error { return f.err }

// exit marks err, if there is one, with an exit code.
func exit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &fault{code, err}
}

// classify finds the exit code of an error by its type.
func classify(err error) int {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case is(train.ErrInterrupted, context.Canceled, engine.ErrAbandoned):
		return exitInterrupted
	case as[*train.Diverged](err):
		return exitDiverged
	case as[*train.Locked](err), as[*experiment.Busy](err), is(data.ErrBusy):
		return exitLocked
	case as[*train.Corrupt](err), as[*train.Later](err), as[*train.WeightsError](err):
		return exitCorrupt
	case as[*experiment.Other](err), as[*experiment.Changed](err), as[*experiment.NoSweep](err):
		return exitUsage
	case as[*train.Exists](err), as[*train.NoRun](err), as[*train.Mismatch](err), as[*data.SetError](err), as[*files.NotRegular](err), as[*engine.PrecisionError](err):
		return exitUsage
	case as[dsl.Errors](err), as[*dsl.NotFoundError](err):
		return exitSpec
	case is(data.ErrFormat), as[*data.NotFoundError](err), as[*data.ImagesError](err), as[*data.CountError](err), as[*data.ChecksumError](err), as[*data.StatusError](err):
		return exitData
	}
	// The user named the missing files that remain.
	if is(fs.ErrNotExist) {
		return exitUsage
	}
	return exitInternal
}

// as tells whether err is or wraps a T.
func as[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}
