package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/internal/exhaustive"
	"shake/internal/files"
	"shake/internal/files/filestest"
)

// recorded is a run whose changes of the disk were recorded, below top.
type recorded struct {
	top, dir string
	rec      *filestest.Recording
	saved    []announced
}

// announced is a checkpoint that was announced after so many changes.
type announced struct{ changes, step int }

// recordRun runs o, whose directory is below top, to its end.
func recordRun(t *testing.T, top string, o Options) *recorded {
	t.Helper()
	rec, err := filestest.Record(top)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorded{top: top, dir: o.Dir, rec: rec}
	o.disk = &files.Disk{Changed: rec.Changed}
	o.Observer = &listener{onSaved: func(s Saved) { r.saved = append(r.saved, announced{rec.Len(), s.Step}) }}
	mustRun(t, o)
	return r
}

// lastSaved is the step of the last checkpoint that was announced within n changes; began if there
// is none.
func (r *recorded) lastSaved(n, began int) int {
	for _, s := range r.saved {
		if s.changes <= n {
			began = s.step
		}
	}
	return began
}

// TestPowerLoss cuts the power after a call of a run, of its resume, or of a run that writes its
// checkpoints in the background, with every loss that POSIX permits, and goes on from the files
// that are left: no announced checkpoint is lost, nothing is said of damage, and the run ends with
// the same bits. Every sixth cut is followed by another one, of the run that goes on. make test
// cuts after some of the calls, make check after each once, and make campaign after each with every
// loss, and with four at random.
func TestPowerLoss(t *testing.T) {
	overrides := []string{"train.epochs=3", "train.log_steps=2", "train.checkpoint_steps=3"}
	whole := tempDir(t)
	mustRun(t, options(t, whole, overrides...))
	want := result(t, whole)

	top := tempDir(t)
	begun := recordRun(t, top, options(t, filepath.Join(top, "runs", "r"), overrides...))
	top = tempDir(t)
	o := options(t, filepath.Join(top, "r"), append(overrides, "train.max_steps=5")...)
	mustRun(t, o)
	o = options(t, o.Dir, overrides...)
	o.Resume = true
	resumed := recordRun(t, top, o)

	top = tempDir(t)
	o = options(t, filepath.Join(top, "r"), overrides...)
	o.Background = true
	beside := recordRun(t, top, o)

	cuts, again := 0, 0
	for i, r := range []*recorded{begun, resumed, beside} {
		began := []int{-1, 5, -1}[i]
		for n := 0; n <= r.rec.Len(); n++ {
			losses := []filestest.Loss{filestest.Loss(n % int(filestest.Losses))}
			switch {
			case campaign():
				losses = []filestest.Loss{filestest.All, filestest.Bytes, filestest.Tails, filestest.Names, filestest.Random, filestest.Random, filestest.Random, filestest.Random}
			case !exhaustive.On() && n%11 != 0:
				continue
			}
			for k, loss := range losses {
				cuts++
				c := cut{of: r, n: n, loss: loss, random: rand.New(rand.NewPCG(uint64(n), uint64(k))), overrides: overrides, want: want}
				if cuts%6 == 0 {
					again++
				}
				c.try(t, began, cuts%6 == 0)
			}
		}
	}
	t.Logf("%d cuts of the power, %d of them followed by another, among %d, %d and %d changes", cuts, again, begun.rec.Len(), resumed.rec.Len(), beside.rec.Len())
	if cuts < 50 {
		t.Errorf("only %d cuts", cuts)
	}
}

// cut is a cut of the power.
type cut struct {
	of        *recorded
	n         int // changes before it
	loss      filestest.Loss
	random    *rand.Rand
	overrides []string
	want      map[string][]byte
}

// try makes the files that are left, goes on from them, and with again set cuts the power there
// once more. began is the checkpoint that was there before the recording, -1 for none.
func (c cut) try(t *testing.T, began int, again bool) {
	t.Helper()
	top := tempDir(t)
	defer os.RemoveAll(top)
	what := fmt.Sprintf("cut after %d of %d changes, %v", c.n, c.of.rec.Len(), c.loss)
	if err := c.of.rec.Cut(top, c.n, c.loss, c.random); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	rel, err := filepath.Rel(c.of.top, c.of.dir)
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, filepath.Join(top, rel), c.overrides...)
	_, missing := os.Stat(filepath.Join(o.Dir, ConfigFile))
	o.Resume = missing == nil
	step := c.of.lastSaved(c.n, began)
	if step >= 0 && !o.Resume {
		t.Fatalf("%s: the run is gone, of which step %d was saved", what, step)
	}
	var l listener
	o.Observer = &l
	rec, err := filestest.Record(top)
	if err != nil {
		t.Fatal(err)
	}
	second := &recorded{top: top, dir: o.Dir, rec: rec}
	l.onSaved = func(s Saved) { second.saved = append(second.saved, announced{rec.Len(), s.Step}) }
	if again {
		o.disk = &files.Disk{Changed: rec.Changed}
	}
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatalf("%s: then %v", what, err)
	}
	start := -1
	if len(l.started) > 0 {
		start = l.started[0].Step
		if start < step {
			t.Errorf("%s: goes on from step %d, though step %d was saved", what, start, step)
		}
	}
	for _, n := range l.notices {
		if !strings.Contains(n, "nothing to do") {
			t.Errorf("%s: a notice: %s", what, n)
		}
	}
	same(t, result(t, o.Dir), c.want)
	if t.Failed() {
		t.FailNow()
	}
	if again && rec.Len() > 0 {
		c.of, c.n = second, c.random.IntN(rec.Len()+1)
		c.try(t, max(start, step), false)
	}
}
