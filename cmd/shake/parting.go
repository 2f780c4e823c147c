package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shake/internal/launch"
	"shake/internal/report"
)

// parting is the time for which a rank that cannot take part looks for the others of its launcher,
// to tell them. They might wait for launch.Deadline otherwise.
const parting = 8 * time.Second

// meets marks that the ranks of a launcher are about to meet.
func (f runFlags) meets() {
	if f.met != nil {
		*f.met = true
	}
}

// dismissing returns err, with which rank 0 ends. If the ranks of a launcher have not met, it first
// lets those come that it finds, and hangs up, so that they end too.
func dismissing(err error, met bool) error {
	if err == nil || met {
		return err
	}
	place, unclear := launch.Find()
	if unclear != nil || place == nil || place.Rank != 0 {
		return err
	}
	conns, _ := place.Meet(context.Background(), parting, nil)
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
	return err
}

// waits prints the ranks that a rank waits for.
func (a *app) waits(text string) { fmt.Fprintln(report.PlainWriter(a.err), text) }

// notMet is the error of ranks that did not meet.
func notMet(sig *interruption, err error) error {
	if err != nil && sig.Err() != nil {
		return exit(exitInterrupted, errors.New("interrupted while the ranks waited for each other: nothing was begun"))
	}
	return err
}
