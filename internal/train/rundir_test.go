package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/files"
	"shake/internal/graph"
)

func TestDamagedCheckpoint(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	want := result(t, whole)
	damage := map[string]func([]byte) []byte{
		"flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"truncated":   func(b []byte) []byte { return b[:len(b)-100] },
		"empty":       func([]byte) []byte { return nil },
		"zeros":       func(b []byte) []byte { return make([]byte, len(b)) },
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			mustRun(t, options(t, dir, "train.max_steps=11"))
			list := generations(t, dir)
			spoil := func(file string) {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, f(b), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			spoil(list[0])
			var l listener
			o := options(t, dir)
			o.Resume, o.Observer = true, &l
			mustRun(t, o)
			if !l.noticed("step-0000000011.safetensors is damaged") || l.started[0].Step != 8 {
				t.Errorf("notices %q, start %+v", l.notices, l.started)
			}
			same(t, result(t, dir), want)

			// Both are damaged: the run changes no file, and the error names a remedy.
			dir = tempDir(t)
			mustRun(t, options(t, dir, "train.max_steps=11"))
			for _, c := range generations(t, dir) {
				spoil(c)
			}
			metrics, _ := os.ReadFile(filepath.Join(dir, MetricsFile))
			o.Dir = dir
			_, err := Run(context.Background(), o)
			var bad *Corrupt
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), "--weights") {
				t.Errorf("both damaged: %v", err)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, MetricsFile)); string(after) != string(metrics) {
				t.Error("metrics.jsonl was touched")
			}
		})
	}
}

// TestStrangeCheckpoint puts another file under the name of the newest checkpoint: it is passed
// over at once, and the run resumes from the one before. If there is no other, that is the error.
func TestStrangeCheckpoint(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	want := result(t, whole)
	claims := header(fmt.Sprintf(`{"w":{"dtype":"U8","shape":[1048576,1048576],"data_offsets":[0,%d]}}`, 1<<40), 0)
	for name, c := range map[string]struct {
		put  func(path string) error
		text string
	}{
		"sparse, of 1 TiB": {func(path string) error {
			return errors.Join(os.WriteFile(path, claims, 0o666), os.Truncate(path, int64(len(claims))+1<<40))
		}, "more than a checkpoint of this network can have"},
		"a pipe":   {func(path string) error { return syscall.Mkfifo(path, 0o666) }, "want a regular file, have a pipe"},
		"a device": {func(path string) error { return os.Symlink("/dev/zero", path) }, "want a regular file, have a device"},
		"a folder": {func(path string) error { return os.Mkdir(path, 0o777) }, "want a regular file, have a folder"},
		"a circle": {func(path string) error { return os.Symlink(path, path) }, "too many levels of symbolic links"},
		"nowhere":  {func(path string) error { return os.Symlink("nowhere", path) }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			mustRun(t, options(t, dir, "train.max_steps=11"))
			list := generations(t, dir)
			if err := errors.Join(os.Remove(list[0]), c.put(list[0])); err != nil {
				t.Skip(err)
			}
			var l listener
			o := options(t, dir)
			o.Resume, o.Observer = true, &l
			mustRun(t, o)
			if !l.noticed("step-0000000011.safetensors") || !l.noticed(c.text) || l.started[0].Step != 8 {
				t.Errorf("notices %q, start %+v", l.notices, l.started)
			}
			same(t, result(t, dir), want)

			dir = tempDir(t)
			mustRun(t, options(t, dir, "train.max_steps=11"))
			for _, path := range generations(t, dir) {
				if err := errors.Join(os.Remove(path), c.put(path)); err != nil {
					t.Fatal(err)
				}
			}
			o.Dir = dir
			if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("no other checkpoint: %v", err)
			}
		})
	}
}

func TestCheckpointsGone(t *testing.T) {
	dir := tempDir(t)
	mustRun(t, options(t, dir, "train.max_steps=11"))
	for _, c := range generations(t, dir) {
		os.Remove(c)
	}
	o := options(t, dir)
	o.Resume = true
	var bad *Corrupt
	if _, err := Run(context.Background(), o); !errors.As(err, &bad) {
		t.Errorf("have %v", err)
	}
}

func TestDirectoryRefused(t *testing.T) {
	var exists *Exists
	var noRun *NoRun
	var locked *Locked
	var mismatch *Mismatch
	dir := tempDir(t)
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), options(t, dir)); !errors.As(err, &exists) || exists.Run {
		t.Errorf("a directory with foreign files: %v", err)
	}
	o := options(t, dir)
	o.Resume = true
	if _, err := Run(context.Background(), o); !errors.As(err, &noRun) {
		t.Errorf("resume without a run: %v", err)
	}

	dir = tempDir(t)
	var second error
	o = options(t, dir, "train.max_steps=2")
	o.Observer = &listener{onSaved: func(s Saved) {
		if s.Step == 0 {
			again := options(t, dir)
			again.Resume = true
			_, second = Run(context.Background(), again)
		}
	}}
	mustRun(t, o)
	if !errors.As(second, &locked) {
		t.Errorf("a second process: %v", second)
	}
	if _, err := Run(context.Background(), options(t, dir)); !errors.As(err, &exists) || !exists.Run {
		t.Errorf("a new run over an old one: %v", err)
	}
	o = options(t, dir, "train.lr=0.2", "shake.forward=even", "train.workers=3", "engine.conv=direct", "train.log_steps=1", "train.max_steps=9")
	o.Resume = true
	_, err := Run(context.Background(), o)
	if !errors.As(err, &mismatch) || len(mismatch.Keys) != 2 || !slices.ContainsFunc(mismatch.Keys, func(k string) bool { return k == "train.lr: 0.1, now 0.2" }) {
		t.Errorf("another experiment: %v", err)
	}
	o = options(t, dir)
	o.Resume, o.Train = true, images(29, 99)
	if _, err := Run(context.Background(), o); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "training images") {
		t.Errorf("other images: %v", err)
	}
}

// A run killed before its first checkpoint begins anew: with --resume if config.toml exists, else
// as a new run.
func TestKilledAtBirth(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	for name, remove := range map[string][]string{
		"before the checkpoint": {StateDir, MetricsFile, WeightsFile},
		"before config.toml":    {StateDir, MetricsFile, WeightsFile, ConfigFile},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			full := errors.New("killed")
			o := options(t, dir)
			o.disk = &files.Disk{Inject: func(op files.Op, path string) error {
				if op == files.OpWrite && strings.Contains(path, StateDir) {
					return full
				}
				return nil
			}}
			if _, err := Run(context.Background(), o); !errors.Is(err, full) {
				t.Fatal(err)
			}
			for _, r := range remove {
				os.RemoveAll(filepath.Join(dir, r))
			}
			for _, e := range eventFiles(t, dir) {
				os.Remove(e)
			}
			os.WriteFile(filepath.Join(dir, ".config.toml.1.tmp"), []byte("half"), 0o666)
			o = options(t, dir)
			o.Resume = !slices.Contains(remove, ConfigFile)
			mustRun(t, o)
			same(t, result(t, dir), result(t, whole))
			if left := temps(t, dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestDiskFull fills the disk at every kind of file, in the second epoch, and resumes with space
// again.
func TestDiskFull(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	want := result(t, whole)
	for _, file := range []string{"step-0000000008", WeightsFile, RecordFile, MetricsFile, "tfevents"} {
		t.Run(file, func(t *testing.T) {
			dir := tempDir(t)
			o := options(t, dir)
			full := false
			o.Backend = toy{bad: -1, onStep: func(s engine.Step) { full = full || s.Iteration >= 6 }}
			half := false
			o.disk = &files.Disk{Inject: func(op files.Op, name string) error {
				switch {
				case !full || op != files.OpWrite || !strings.Contains(name, file):
					return nil
				case half:
					return syscall.ENOSPC
				}
				half = true
				return files.ErrShort
			}}
			_, err := Run(context.Background(), o)
			var disk *DiskFull
			if !errors.As(err, &disk) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(disk.File, file) {
				t.Fatalf("have %v", err)
			}
			if !strings.Contains(err.Error(), "is whole: --resume") {
				t.Errorf("have %v", err)
			}
			if err := readable(dir); err != nil {
				t.Errorf("checkpoints: %v", err)
			}
			if left := temps(t, dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			o = options(t, dir)
			o.Resume = true
			mustRun(t, o)
			same(t, result(t, dir), want)
		})
	}
}

// temps are the temporary files below dir.
func temps(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && isTemp(e.Name()) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// readable is nil if every checkpoint of a run of options in dir is whole.
func readable(dir string) error {
	c := checkpoints{dir: filepath.Join(dir, StateDir), of: length{4, 4, 8, 29}}
	paths, err := c.list()
	if len(paths) == 0 {
		err = errors.Join(err, errNoCheckpoint)
	}
	for _, p := range paths {
		_, failed := c.read(p)
		err = errors.Join(err, failed)
	}
	return err
}

// TestPaused checks that a run's time excludes pauses: a pause of minus one hour makes the run an
// hour longer.
func TestPaused(t *testing.T) {
	dir := tempDir(t)
	var paused time.Duration
	o := options(t, dir)
	o.Paused = func() time.Duration { return paused }
	o.Backend = toy{bad: -1, onStep: func(s engine.Step) {
		if s.Iteration == 6 {
			paused = -time.Hour
		}
	}}
	var l listener
	o.Observer = &l
	if s := mustRun(t, o); s.Seconds < 3600 || s.ImagesPerSec > 29*4./3600 || l.epochs[1].Took < time.Hour || l.epochs[2].Took > time.Hour/2 {
		t.Errorf("summary %+v, epochs %+v", s, l.epochs)
	}
}

// TestFailedStart: a start that fails removes the directory that was made for it, and leaves
// another as it was. A run that began stays, and so does a directory with another file.
func TestFailedStart(t *testing.T) {
	fail := func(dir string, change func(o *Options)) {
		t.Helper()
		o := options(t, dir)
		o.Weights = filepath.Join(dir, "no weights")
		if change != nil {
			change(&o)
		}
		if _, err := Run(t.Context(), o); err == nil {
			t.Error("it ran")
		}
	}
	there := func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	}
	root := tempDir(t)
	made, before, claimed, kept := filepath.Join(root, "a", "made"), filepath.Join(root, "before"), filepath.Join(root, "claimed"), filepath.Join(root, "kept")
	fail(made, nil)
	if there(made) || !there(filepath.Join(root, "a")) {
		t.Error("the directory that the run made is there, or the folder above it is not")
	}
	for _, dir := range []string{before, claimed} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	fail(before, nil)
	fail(claimed, func(o *Options) { o.Claimed = true })
	if !there(before) || there(claimed) {
		t.Errorf("a directory from before: %t, a claimed one: %t", there(before), there(claimed))
	}
	// A file of someone else's.
	fail(kept, func(o *Options) {
		o.Backend = refusing(func() error { return os.WriteFile(filepath.Join(kept, "notes.txt"), nil, 0o666) })
	})
	if !there(filepath.Join(kept, "notes.txt")) || !there(filepath.Join(kept, LogFile)) {
		t.Error("a directory with another file was touched")
	}
	// A run that has its config.toml can be resumed, and stays.
	began := filepath.Join(root, "began")
	fail(began, func(o *Options) {
		o.Weights = ""
		o.disk = &files.Disk{Inject: func(op files.Op, path string) error {
			if op == files.OpOpen && filepath.Base(path) == MetricsFile {
				return syscall.EIO
			}
			return nil
		}}
	})
	if !there(filepath.Join(began, ConfigFile)) {
		t.Error("a run that began is gone")
	}
	fail(began, func(o *Options) { o.Resume, o.Weights, o.Train = true, "", images(29, 99) })
	if !there(filepath.Join(began, ConfigFile)) {
		t.Error("a run that could not be resumed is gone")
	}
}

// refusing is a backend that refuses every network, after it has acted.
type refusing func() error

func (refusing) Name() string { return "refusing" }

func (f refusing) Compile(*graph.Graph, engine.Config) (engine.Program, error) {
	return nil, errors.Join(errors.New("refused"), f())
}
