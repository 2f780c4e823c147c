package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// call is a call of a run: its operation and the kind of its file.
type call struct {
	op   files.Op
	file string
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

// faulty is a disk that fails call number at with err, once, and lists the calls. With at -1 no
// call fails.
func faulty(dir string, at int, err error) (d *files.Disk, calls *[]call, answered *bool) {
	calls, answered = new([]call), new(bool)
	return &files.Disk{Inject: func(op files.Op, path string) error {
		*calls = append(*calls, call{op, kind(dir, path)})
		if len(*calls)-1 != at || errors.Is(err, files.ErrShort) && op != files.OpWrite {
			return nil
		}
		*answered = true
		return err
	}}, calls, answered
}

// TestFaults fails calls that reach the run's files. The run goes on, or ends with an error that
// names the file and the reason; existing checkpoints stay whole, and the run resumes to the same
// bits. make test tries each kind of call on each kind of file with some errors, make check with
// all, make campaign every single call.
func TestFaults(t *testing.T) {
	whole := tempDir(t)
	overrides := []string{"train.epochs=3", "train.log_steps=2", "train.checkpoint_steps=3"}
	mustRun(t, options(t, whole, overrides...))
	want := result(t, whole)
	root := tempDir(t)
	began := filepath.Join(root, "began")
	mustRun(t, options(t, began, append(overrides, "train.max_steps=5")...))

	// prepare makes a directory for a new run, or one of a run to resume.
	count := 0
	prepare := func(resume bool) Options {
		count++
		o := options(t, filepath.Join(root, fmt.Sprint(count), "run"), overrides...)
		if resume {
			if err := os.CopyFS(o.Dir, os.DirFS(began)); err != nil {
				t.Fatal(err)
			}
			o.Resume = true
		}
		return o
	}
	table := map[string]map[string]int{}
	for _, resume := range []bool{false, true} {
		o := prepare(resume)
		disk, calls, _ := faulty(o.Dir, -1, nil)
		o.disk = disk
		mustRun(t, o)
		seen := map[call]int{}
		for at, c := range *calls {
			seen[c]++
			for i, fault := range faults {
				switch {
				case campaign():
				// The second call of a kind, or the only one
				case seen[c] != 2 && !(seen[c] == 1 && !slices.Contains((*calls)[at+1:], c)):
					continue
				case !exhaustive.On() && (at+i)%3 != 0:
					continue
				}
				outcome := try(t, prepare(resume), at, fault, want)
				if outcome == "" { // a short write on a call that is not a write
					continue
				}
				row := fmt.Sprintf("%-9s %v", c.op, fault)
				if table[row] == nil {
					table[row] = map[string]int{}
				}
				table[row][outcome]++
			}
		}
	}
	rows, total := []string{}, 0
	for row, outcomes := range table {
		rows = append(rows, fmt.Sprintf("%-40s went on %4d, notice %4d, error %4d", row, outcomes["went on"], outcomes["notice"], outcomes["error"]))
		for _, n := range outcomes {
			total += n
		}
	}
	slices.Sort(rows)
	t.Logf("%d faults\n%s", total, strings.Join(rows, "\n"))
	if total < 100 {
		t.Errorf("only %d faults tried", total)
	}
}

// try runs o with one fault, resumes it without, and returns the outcome of the first run.
func try(t *testing.T, o Options, at int, fault error, want map[string][]byte) (outcome string) {
	t.Helper()
	defer os.RemoveAll(filepath.Dir(o.Dir))
	disk, calls, answered := faulty(o.Dir, at, fault)
	var l listener
	o.disk, o.Observer = disk, &l
	_, err := Run(context.Background(), o)
	if at >= len(*calls) {
		t.Fatalf("the run makes %d calls and not %d", len(*calls), at)
	}
	what := fmt.Sprintf("call %d, %s %s, answered %v (resume %v)", at, (*calls)[at].op, (*calls)[at].file, fault, o.Resume)
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
