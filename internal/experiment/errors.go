package experiment

import (
	"fmt"
	"strings"
)

// Other means that a directory holds another sweep, or other files than a sweep's.
type Other struct {
	Dir, Have, Want string // Have is "" without a sweep
}

func (e *Other) Error() string {
	if e.Have == "" {
		return fmt.Sprintf("%s: the directory holds other things than a sweep; --out names another", e.Dir)
	}
	return fmt.Sprintf("%s: the directory is of the sweep %s, not of %s; --out names another", e.Dir, e.Have, e.Want)
}

// Changed means that rows of a sweep are no longer the experiments that their directories began
// with.
type Changed struct {
	Dir  string
	Rows []string // "s-s: train.lr: 0.2, now 0.1"
}

func (e *Changed) Error() string {
	return fmt.Sprintf("%s: these rows were begun as other experiments:\n  %s\n--out begins the sweep in another directory; a removed row directory begins the row anew",
		e.Dir, strings.Join(e.Rows, "\n  "))
}

// Busy means that another process works on the same part of a sweep.
type Busy struct {
	Dir   string
	Shard Shard
}

func (e *Busy) Error() string {
	if e.Shard == Whole {
		return e.Dir + ": another sweep works in this directory; --shard I/N divides a sweep among processes"
	}
	return fmt.Sprintf("%s: another sweep works on shard %v of this directory", e.Dir, e.Shard)
}

// NoSweep means that a directory has no sweep.toml.
type NoSweep struct{ Dir string }

func (e *NoSweep) Error() string { return fmt.Sprintf("%s: no sweep there (no %s)", e.Dir, SweepFile) }
