package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"shake/internal/files"
)

// TestRefusedCalls trains on a file system without the calls that network file systems lack. The
// run reports each once and goes on.
func TestRefusedCalls(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	want := result(t, whole)
	for _, refused := range []struct {
		op         files.Op
		err        error
		notice     string
		background bool
	}{
		{files.OpFlock, syscall.ENOSYS, "has no locks (function not implemented)", false},
		{files.OpFlock, syscall.ENOLCK, "has no locks (no locks available)", false},
		{files.OpFlock, syscall.EOPNOTSUPP, "has no locks", false},
		{files.OpSync, syscall.EINVAL, "cannot be made durable", false},
		{files.OpSync, syscall.ENOSYS, "cannot be made durable", false},
		{files.OpSync, syscall.EINVAL, "cannot be made durable", true},
	} {
		dir := tempDir(t)
		var l listener
		o := options(t, dir)
		o.Observer, o.Background = &l, refused.background
		o.disk = &files.Disk{Inject: func(op files.Op, path string) error {
			if op == refused.op {
				return refused.err
			}
			return nil
		}}
		mustRun(t, o)
		same(t, result(t, dir), want)
		if len(l.notices) != 1 || !strings.Contains(l.notices[0], refused.notice) {
			t.Errorf("%s %v: want one notice, have %q", refused.op, refused.err, l.notices)
		}
	}
}

// TestReplacedDirectory removes a run's directory during the training. The run leaves the directory
// that then stands in its place alone.
func TestReplacedDirectory(t *testing.T) {
	for name, replace := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+".old") },
		"removed, made": func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, StateDir), 0o777))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(tempDir(t), "run")
			o := options(t, dir)
			o.Observer = &listener{onSaved: func(s Saved) {
				if s.Step == 4 {
					if err := replace(dir); err != nil {
						t.Error(err)
					}
				}
			}}
			_, err := Run(context.Background(), o)
			var replaced *Replaced
			if !errors.As(err, &replaced) {
				t.Errorf("have %v", err)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, StateDir)); len(left) > 0 {
				t.Errorf("written into the new directory: %v", left)
			}
		})
	}

	t.Run("moved in mid-save", func(t *testing.T) {
		dir := filepath.Join(tempDir(t), "run")
		o := options(t, dir)
		saves := 0
		o.disk = &files.Disk{Inject: func(op files.Op, path string) error {
			if op == files.OpRename && strings.Contains(path, StateDir) {
				if saves++; saves == 2 {
					return os.Rename(dir, dir+".old")
				}
			}
			return nil
		}}
		_, err := Run(context.Background(), o)
		var replaced *Replaced
		if !errors.As(err, &replaced) || saves < 2 {
			t.Errorf("%d saves: %v", saves, err)
		}
	})

	t.Run("removed before the list of checkpoints", func(t *testing.T) {
		dir := filepath.Join(tempDir(t), "run")
		o := options(t, dir)
		lists := 0
		o.disk = &files.Disk{Inject: func(op files.Op, path string) error {
			if op == files.OpList && filepath.Base(path) == StateDir && generationsIn(dir) > 0 {
				lists++
				return os.RemoveAll(dir)
			}
			return nil
		}}
		_, err := Run(context.Background(), o)
		var replaced *Replaced
		if !errors.As(err, &replaced) || lists == 0 {
			t.Errorf("%d lists: %v", lists, err)
		}
	})

	t.Run("begun anew", func(t *testing.T) {
		dir := filepath.Join(tempDir(t), "run")
		whole := tempDir(t)
		mustRun(t, options(t, whole, "seed=8"))
		o := options(t, dir)
		o.Observer = &listener{onSaved: func(s Saved) {
			if s.Step == 4 {
				os.RemoveAll(dir)
				mustRun(t, options(t, dir, "seed=8"))
			}
		}}
		_, err := Run(context.Background(), o)
		var replaced *Replaced
		if !errors.As(err, &replaced) {
			t.Errorf("have %v", err)
		}
		same(t, result(t, dir), result(t, whole))
	})
}

// generationsIn counts the checkpoints in dir.
func generationsIn(dir string) int {
	paths, _ := (&checkpoints{dir: filepath.Join(dir, StateDir)}).list()
	return len(paths)
}

// TestUnreadable tells errors of reading from missing files. If the newest checkpoint is unreadable
// the run resumes from the one before; if all are unreadable the error is that of reading, not the
// absence of checkpoints.
func TestUnreadable(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	began := func() string {
		dir := tempDir(t)
		mustRun(t, options(t, dir, "train.max_steps=11"))
		return dir
	}
	resume := func(dir string, fail func(op files.Op, path string) bool) (*listener, error) {
		l := &listener{}
		o := options(t, dir)
		o.Resume, o.Observer = true, l
		o.disk = &files.Disk{Inject: func(op files.Op, path string) error {
			if fail(op, path) {
				return syscall.EIO
			}
			return nil
		}}
		_, err := Run(context.Background(), o)
		return l, err
	}
	for _, failing := range []files.Op{files.OpOpen, files.OpRead} {
		dir := began()
		l, err := resume(dir, func(op files.Op, path string) bool { return op == failing && strings.Contains(path, "step-0000000011") })
		if err != nil || !l.noticed("step-0000000011.safetensors cannot be read") || !l.noticed("input/output error") {
			t.Fatalf("%s: %v, notices %q", failing, err, l.notices)
		}
		same(t, result(t, dir), result(t, whole))

		_, err = resume(began(), func(op files.Op, path string) bool { return op == failing && strings.Contains(path, "step-") })
		if !errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), "gone") {
			t.Errorf("no checkpoint can be read (%s): %v", failing, err)
		}
	}
	_, err := resume(began(), func(op files.Op, path string) bool { return op == files.OpList && strings.HasSuffix(path, StateDir) })
	if !errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), "gone") {
		t.Errorf("state/ cannot be read: %v", err)
	}
}

// TestHeadless refuses a new run in the directory of a run that has lost its config.toml: the new
// run would delete its checkpoints.
func TestHeadless(t *testing.T) {
	dir := tempDir(t)
	mustRun(t, options(t, dir))
	for _, f := range []string{ConfigFile, MetricsFile, WeightsFile, filepath.Base(eventFiles(t, dir)[0])} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Run(context.Background(), options(t, dir))
	var exists *Exists
	if !errors.As(err, &exists) || !exists.Headless || len(generations(t, dir)) != 2 {
		t.Errorf("have %v", err)
	}
}

// TestLockMode makes the lock with the mode of the umask, so that colleagues of a group may resume
// a run.
func TestLockMode(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	dir := tempDir(t)
	mustRun(t, options(t, dir, "train.max_steps=1"))
	for file, want := range map[string]os.FileMode{lockFile: 0o640, RecordFile: 0o640, StateDir: 0o750} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", file, info.Mode(), err, want)
		}
	}
}
