package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"shake/internal/exhaustive"
	"shake/internal/files"
)

// faults are the errors that each call of a run receives, one at a time.
var faults = []error{
	syscall.ENOSPC, syscall.EIO, syscall.EDQUOT, syscall.EROFS, syscall.EINTR, syscall.ESTALE, syscall.ENOSYS, syscall.EINVAL, syscall.EACCES, files.ErrShort,
}

// campaign tells whether the long forms of tests run: make campaign.
func campaign() bool { return os.Getenv("SHAKE_CAMPAIGN") == "1" }

// call is a kind of call of a run: its operation and the kind of its file.
type call struct {
	op   files.Op
	file string
}

// place is a call of a run: the nth, from 0, of its kind. One goroutine makes all calls of a kind,
// so that a place is the same call in every run, with checkpoints in the background too.
type place struct {
	call
	n int
}

// kind names the file of a path in dir.
func kind(dir, path string) string {
	name, _ := filepath.Rel(dir, path)
	base := filepath.Base(name)
	switch {
	case strings.HasPrefix(name, ".."):
		return "a folder above"
	case isTemp(base):
		return filepath.Join(filepath.Dir(name), "temporary file")
	case isEvents(base):
		return "events"
	}
	if _, ok := stepOf(base); ok {
		return "checkpoint"
	}
	return name
}

// calls lists the calls of a run, from all its goroutines.
type calls struct {
	sync.Mutex
	places []place
	count  map[call]int
}

// add appends a call and returns its place.
func (c *calls) add(k call) place {
	c.Lock()
	defer c.Unlock()
	p := place{k, c.count[k]}
	c.count[k]++
	c.places = append(c.places, p)
	return p
}

// faulty is a disk whose call at one place fails with err, and that lists the calls. Without an
// error no call fails. A short write is no fault of another call than a write.
func faulty(dir string, at place, err error) (d *files.Disk, made *calls, answered *bool) {
	made, answered = &calls{count: map[call]int{}}, new(bool)
	return &files.Disk{Inject: func(op files.Op, path string) error {
		if made.add(call{op, kind(dir, path)}) != at || err == nil || errors.Is(err, files.ErrShort) && op != files.OpWrite {
			return nil
		}
		*answered = true
		return err
	}}, made, answered
}

// TestFaults fails calls that reach the run's files: of a new run and of a resumed one, each with
// checkpoints that it waits for and with checkpoints in the background. The run goes on, or ends
// with an error that names the file and the reason; existing checkpoints stay whole, and the run
// resumes to the same bits. make test tries each kind of call on each kind of file with some
// errors, make check with all, make campaign every single call.
func TestFaults(t *testing.T) {
	whole := tempDir(t)
	overrides := []string{"train.epochs=3", "train.log_steps=2", "train.checkpoint_steps=3"}
	mustRun(t, options(t, whole, overrides...))
	want := result(t, whole)
	root := tempDir(t)
	began := filepath.Join(root, "began")
	mustRun(t, options(t, began, append(overrides, "train.max_steps=5")...))

	// prepare makes a directory for a new run, or one of a run to resume.
	count, total := 0, 0
	prepare := func(resume, background bool) Options {
		count++
		o := options(t, filepath.Join(root, fmt.Sprint(count), "run"), overrides...)
		o.Background = background
		if resume {
			if err := os.CopyFS(o.Dir, os.DirFS(began)); err != nil {
				t.Fatal(err)
			}
			o.Resume = true
		}
		return o
	}
	table := map[cell]map[string]int{}
	for mode := range 4 {
		resume, background := mode&1 != 0, mode&2 != 0
		o := prepare(resume, background)
		disk, made, _ := faulty(o.Dir, place{}, nil)
		o.disk = disk
		mustRun(t, o)
		for at, p := range made.places {
			for i, fault := range faults {
				switch {
				case campaign():
				// The second call of a kind, or the only one
				case p.n != min(1, made.count[p.call]-1):
					continue
				case !exhaustive.On() && (at+i+mode)%6 != 0:
					continue
				}
				outcome := try(t, prepare(resume, background), p, fault, want)
				if outcome == "" { // a short write on a call that is not a write
					continue
				}
				c := cell{p.op, fault}
				if table[c] == nil {
					table[c] = map[string]int{}
				}
				table[c][outcome]++
				total++
			}
		}
	}
	t.Logf("%d faults: went on, with a notice, ended with an error\n%s", total, matrix(table))
	if total < 100 {
		t.Errorf("only %d faults tried", total)
	}
}

// cell is a place in the table of faults: a call, and the error that it was answered with.
type cell struct {
	op    files.Op
	fault error
}

// matrix is the table of faults as docs/status.md has it: a row a call, a column the errors with
// the same outcomes. A cell counts the runs that went on, went on with a notice, ended with an
// error.
func matrix(table map[cell]map[string]int) string {
	var ops []files.Op
	for c := range table {
		if !slices.Contains(ops, c.op) {
			ops = append(ops, c.op)
		}
	}
	slices.Sort(ops)
	var columns [][]string
	var heads []string
	for _, fault := range faults {
		var column []string
		for _, op := range ops {
			text := ""
			if o := table[cell{op, fault}]; o != nil {
				text = fmt.Sprintf("%d, %d, %d", o["went on"], o["notice"], o["error"])
			}
			column = append(column, text)
		}
		at := slices.IndexFunc(columns, func(c []string) bool { return slices.Equal(c, column) })
		if at < 0 {
			columns, heads = append(columns, column), append(heads, fault.Error())
		} else {
			heads[at] += "; " + fault.Error()
		}
	}
	text := "| call | " + strings.Join(heads, " | ") + " |\n|---" + strings.Repeat("|---", len(heads)) + "|\n"
	for i, op := range ops {
		text += "| " + string(op) + " |"
		for _, column := range columns {
			text += " " + column[i] + " |"
		}
		text += "\n"
	}
	return text
}

// try runs o with one fault, resumes it without, and returns the outcome of the first run.
func try(t *testing.T, o Options, at place, fault error, want map[string][]byte) (outcome string) {
	t.Helper()
	defer os.RemoveAll(filepath.Dir(o.Dir))
	disk, made, answered := faulty(o.Dir, at, fault)
	var l listener
	o.disk, o.Observer = disk, &l
	_, err := Run(context.Background(), o)
	if made.count[at.call] <= at.n {
		t.Fatalf("the run makes %d calls %s %s and not %d", made.count[at.call], at.op, at.file, at.n+1)
	}
	what := fmt.Sprintf("call %d of %s %s, answered %v (resume %v, background %v)", at.n, at.op, at.file, fault, o.Resume, o.Background)
	switch {
	case !*answered:
		return ""
	case err == nil && len(l.notices) > 0:
		outcome = "notice"
	case err == nil:
		outcome = "went on"
	default:
		outcome = "error"
		if errors.Is(fault, syscall.EINTR) || errors.Is(fault, files.ErrShort) {
			t.Errorf("%s: have %v", what, err)
		}
		if !errors.Is(err, fault) || !strings.Contains(err.Error(), filepath.Dir(o.Dir)) && !strings.Contains(err.Error(), filepath.Base(o.Dir)) {
			t.Errorf("%s: the error does not name the place and the reason: %v", what, err)
		}
		// A checkpoint existed: it was announced, or a call behind it failed
		if len(l.saved) > 0 || o.Resume || strings.Contains(err.Error(), "is whole") {
			if err := intact(o); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if outcome != "error" {
		if left := temps(t, o.Dir); len(left) > 0 {
			t.Errorf("%s: left behind %v", what, left)
		}
	}
	o.disk, o.Observer = nil, &l
	_, missing := os.Stat(filepath.Join(o.Dir, ConfigFile))
	o.Resume = missing == nil
	if _, err := Run(context.Background(), o); err != nil {
		t.Errorf("%s: then %v", what, err)
		return outcome
	}
	same(t, result(t, o.Dir), want)
	if t.Failed() {
		t.Fatal(what)
	}
	return outcome
}

// intact is nil if a run's directory has a checkpoint and all its checkpoints are whole.
func intact(o Options) error {
	t := o.Spec.Train
	c := checkpoints{dir: filepath.Join(o.Dir, StateDir), of: length{t.Epochs, 4, t.Batch, o.Train.N}}
	_, over, err := c.load()
	if err != nil {
		return err
	}
	if len(over) > 0 {
		return fmt.Errorf("%s: %w", over[0].file, over[0].err)
	}
	return nil
}
