package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"shake/internal/files"
)

// ErrInterrupted is returned by Run when its context ended and a checkpoint was written.
var ErrInterrupted = errors.New("interrupted; the checkpoint is written, --resume continues")

// Diverged is returned by Run, beside a Summary, when the loss became infinite or not a number. The
// run directory records it.
type Diverged struct{ Divergence }

func (d *Diverged) Error() string {
	return fmt.Sprintf("diverged at epoch %d, iteration %d: the loss is not finite", d.Epoch, d.Iteration)
}

// Locked is the error of a run directory in which another process works.
type Locked struct{ Dir string }

func (l *Locked) Error() string {
	return fmt.Sprintf("%s: another process is working in this run directory; wait for it or choose another --out", l.Dir)
}

// Exists is the error of a new run in a directory that already holds files.
type Exists struct {
	Dir string
	Run bool // the files are those of a run
	// Headless: the files are those of a run that has lost its config.toml.
	Headless bool
}

func (e *Exists) Error() string {
	if e.Run {
		return fmt.Sprintf("%s: a run is already there; --resume continues it, --out chooses another directory", e.Dir)
	}
	if e.Headless {
		return fmt.Sprintf("%s: checkpoints of a run are there, and its %s is not: restore it, or choose another directory with --out", e.Dir, ConfigFile)
	}
	return fmt.Sprintf("%s: the directory is not empty and holds no run; choose another with --out", e.Dir)
}

// Replaced is the error of a run whose directory has been replaced since the run began.
type Replaced struct{ Dir string }

func (r *Replaced) Error() string {
	return fmt.Sprintf("%s: the run directory was moved, removed or replaced while the run went on, so nothing more is written there", r.Dir)
}

// NoRun is the error of resuming in a directory without a run.
type NoRun struct{ Dir string }

func (e *NoRun) Error() string {
	return fmt.Sprintf("%s: no run there to resume (no config.toml)", e.Dir)
}

// Mismatch is the error of resuming a run with another experiment than it began with.
type Mismatch struct {
	Dir        string
	Keys       []string // "train.lr: 0.2, now 0.1"
	Checkpoint bool     // the experiment is the checkpoint's; config.toml now differs from it
}

func (m *Mismatch) Error() string {
	if m.Checkpoint {
		return fmt.Sprintf("%s: cannot resume: the checkpoint is of another experiment than %s: %s; undo the edit, or start a new run with --out", m.Dir, ConfigFile, strings.Join(m.Keys, "; "))
	}
	remedy := "start a new run with --out instead"
	if slices.ContainsFunc(m.Keys, func(k string) bool { return strings.HasPrefix(k, "train.epochs:") }) {
		remedy = fmt.Sprintf("to train its weights for longer, start a new run from them, with a schedule of its own: --weights %s", filepath.Join(m.Dir, WeightsFile))
	}
	return fmt.Sprintf("%s: cannot resume with another experiment: %s; %s", m.Dir, strings.Join(m.Keys, "; "), remedy)
}

// Corrupt is the error of a damaged file without a fallback.
type Corrupt struct {
	File   string
	Detail string
	Remedy string
}

func (c *Corrupt) Error() string { return fmt.Sprintf("%s: %s; %s", c.File, c.Detail, c.Remedy) }

// Later is the error of a checkpoint by a later version of this program, in a format that this
// version does not know.
type Later struct {
	File   string
	Format int
}

func (l *Later) Error() string {
	return fmt.Sprintf("%s: written by a later version of shake (checkpoint format %d, this version reads 1 to %d): resume with that version", l.File, l.Format, format)
}

// WeightsError is the error of a weights file that does not fit a network. It lists every wrong
// name at once.
type WeightsError struct {
	File    string
	Unknown []string // in the file, not in the network
	Missing []string // in the network, not in the file
	Shapes  []string // "stem.0.weight: [16 3 5 5], want [16 3 3 3]"
	Prefix  string   // prefix of the network's names in the file, such as "module."
}

func (w *WeightsError) Error() string {
	if w.Prefix != "" {
		return fmt.Sprintf("%s: the names begin with %q, as torch.nn.parallel (module.), torch.compile (_orig_mod.) and other wrappers leave them: "+
			"save the state_dict of the network inside, or take the prefix off: {k.removeprefix(%[2]q): v for k, v in state.items()}", w.File, w.Prefix)
	}
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"wrong shape", w.Shapes}, {"missing", w.Missing}, {"unknown", w.Unknown}} {
		if n := len(p.names); n > 8 {
			parts = append(parts, fmt.Sprintf("%s: %s and %d more", p.what, strings.Join(p.names[:8], ", "), n-8))
		} else if n > 0 {
			parts = append(parts, p.what+": "+strings.Join(p.names, ", "))
		}
	}
	return fmt.Sprintf("%s: weights of another network: %s", w.File, strings.Join(parts, "; "))
}

// DiskFull is the error of a write without enough space. The earlier content of the file is whole.
type DiskFull struct {
	File string
	Err  error
}

func (d *DiskFull) Error() string { return fmt.Sprintf("%s: %v; free some space", d.File, d.Err) }

func (d *DiskFull) Unwrap() error { return d.Err }

// Stopped is an error that ended a run which has a whole checkpoint.
type Stopped struct {
	Checkpoint string // its file
	Err        error
}

func (s *Stopped) Error() string {
	return fmt.Sprintf("%v; the last checkpoint, %s, is whole: --resume goes on from it", s.Err, filepath.Base(s.Checkpoint))
}

func (s *Stopped) Unwrap() error { return s.Err }

// unwritten is an error of writing with another reason than space.
type unwritten struct {
	file string
	err  error
}

func (u *unwritten) Error() string {
	var not *files.NotRegular
	if errors.As(u.err, &not) && not.Path == u.file { // the path is already in front
		return fmt.Sprintf("writing %s: want a regular file, have %s", u.file, not.What)
	}
	return fmt.Sprintf("writing %s: %v", u.file, u.err)
}

func (u *unwritten) Unwrap() error { return u.err }

// writing wraps the error of a write to file, as *DiskFull if space is the reason.
func writing(file string, err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		err = number // the path is already in front
	}
	if files.Full(err) {
		return &DiskFull{File: file, Err: err}
	}
	return &unwritten{file, err}
}

// stopped says more of an error of a file: that the directory has gone from its place, or the
// checkpoint to resume from, if there is one.
func (r *run) stopped(err error) error {
	var full *DiskFull
	var other *unwritten
	wrote := errors.As(err, &full) || errors.As(err, &other)
	var gone *Replaced
	if (wrote || files.Failed(err)) && errors.As(r.dir.ours(), &gone) {
		return gone
	}
	if !wrote || r.ck.last == "" {
		return err
	}
	return &Stopped{r.ck.last, err}
}
