package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/files"
)

// atCheckpoints calls f at every write of a checkpoint's content.
func atCheckpoints(f func() error) *files.Disk {
	return &files.Disk{Inject: func(op files.Op, path string) error {
		if op == files.OpWrite && filepath.Base(filepath.Dir(path)) == StateDir {
			return f()
		}
		return nil
	}}
}

// Training goes on while a checkpoint is written, which holds the state of its step and not a later
// one. It is announced when it is whole. The run has the bits of one that waits.
func TestBackground(t *testing.T) {
	overrides := []string{"train.epochs=3", "train.log_steps=2", "train.checkpoint_steps=3"}
	whole := tempDir(t)
	mustRun(t, options(t, whole, overrides...))

	o := options(t, tempDir(t), overrides...)
	stepped := make(chan struct{})
	o.Backend = toy{bad: -1, onStep: func(s engine.Step) {
		if s.Iteration == 3 { // the one behind the checkpoint of step 3
			close(stepped)
		}
	}}
	begun, waited := false, false
	o.disk = atCheckpoints(func() error {
		if !begun || waited { // the checkpoint of step 0 is waited for
			return nil
		}
		select {
		case <-stepped:
			waited = true
		case <-time.After(10 * time.Second):
			return errors.New("no step was made while a checkpoint was written")
		}
		return nil
	})
	o.Background = true
	l := listener{onSaved: func(Saved) { begun = true }}
	o.Observer = &l
	mustRun(t, o)
	if !waited {
		t.Error("no checkpoint was written in the background")
	}
	for i, s := range l.saved {
		if want := []int{0, 3, 4, 6, 8, 9, 12}; i >= len(want) || s.Step != want[i] {
			t.Errorf("checkpoints %+v, want those of steps %v", l.saved, want)
			break
		}
	}
	same(t, result(t, o.Dir), result(t, whole))
}

// A checkpoint that cannot be written ends the run soon, with the reason. The one before stays, and
// the run goes on from it.
func TestBackgroundFails(t *testing.T) {
	overrides := []string{"train.epochs=3", "train.log_steps=2", "train.checkpoint_steps=3"}
	uncut := tempDir(t)
	mustRun(t, options(t, uncut, overrides...))
	for whole := 1; whole <= 3; whole++ {
		o := options(t, tempDir(t), overrides...)
		var l listener
		o.disk = atCheckpoints(func() error {
			if len(l.saved) >= whole {
				return syscall.ENOSPC
			}
			return nil
		})
		o.Background = true
		o.Observer = &l
		_, err := Run(context.Background(), o)
		var full *DiskFull
		if !errors.As(err, &full) || !strings.Contains(err.Error(), o.Dir) {
			t.Errorf("want *DiskFull in %s, have %v", o.Dir, err)
		}
		if len(l.saved) != whole || intact(o) != nil {
			t.Errorf("saved %+v, and what is left: %v", l.saved, intact(o))
		}
		o.disk, o.Resume, o.Observer = nil, true, nil
		mustRun(t, o)
		same(t, result(t, o.Dir), result(t, uncut))
	}
}

// An interrupt and a divergence wait for the checkpoint under way, and the record is theirs.
func TestBackgroundEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  int64
		want error
		left Status
	}{{"interrupted", -1, ErrInterrupted, Interrupted}, {"diverged", 4, nil, DivergedRun}} {
		ctx, cancel := context.WithCancel(context.Background())
		o := options(t, tempDir(t), "train.epochs=3", "train.log_steps=1", "train.checkpoint_steps=3")
		o.Backend = toy{bad: c.bad, onStep: func(s engine.Step) {
			if s.Iteration == 4 && c.bad < 0 {
				cancel()
			}
		}}
		o.disk = atCheckpoints(func() error { time.Sleep(time.Millisecond); return nil })
		o.Background = true
		_, err := Run(ctx, o)
		cancel()
		var div *Diverged
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &div) {
			t.Errorf("%s: %v", c.name, err)
		}
		rec, err := ReadRecord(o.Dir)
		if err != nil || rec.Status != c.left || rec.Steps != 5 {
			t.Errorf("%s: the record says %+v, %v", c.name, rec, err)
		}
		if _, err := os.Stat(filepath.Join(o.Dir, StateDir, stepName(4))); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
