package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"shake/dsl"
	"shake/internal/files"
)

// The files of a run directory.
const (
	ConfigFile  = "config.toml"
	RecordFile  = "run.json"
	MetricsFile = "metrics.jsonl"
	WeightsFile = "last.safetensors"
	AverageFile = "average.safetensors"
	LogFile     = "log.txt"
	StateDir    = "state"
	lockFile    = ".lock"
)

const maxConfig = 1 << 20 // bytes; a resolved network has some thousands

// rundir is a run directory that this process has locked.
type rundir struct {
	dir   string
	store store
	lock  *files.Lock
	made  bool // for this run
}

func (d *rundir) path(name string) string { return filepath.Join(d.dir, name) }

// openDir locks dir for a new run or to resume one. A new run needs a directory that is new or
// empty, or that holds only the remains of a run killed before its config.toml. A resumed run needs
// config.toml.
func openDir(dir string, resume bool, s store) (*rundir, error) {
	d := &rundir{dir: dir, store: s}
	if resume {
		if _, err := os.Stat(d.path(ConfigFile)); errors.Is(err, fs.ErrNotExist) {
			return nil, &NoRun{dir}
		} else if err != nil {
			return nil, err
		}
	} else {
		_, err := os.Lstat(dir)
		d.made = errors.Is(err, fs.ErrNotExist)
		if err := s.MkdirAll(dir); err != nil {
			return nil, fmt.Errorf("making the run directory: %w", err)
		}
		if err := d.vacant(); err != nil {
			return nil, err
		}
	}
	var err error
	d.lock, err = s.Lock(d.path(lockFile))
	if errors.Is(err, files.ErrLocked) {
		return nil, &Locked{dir}
	}
	if err != nil {
		return nil, fmt.Errorf("locking the run directory: %w", err)
	}
	if err := d.open(resume); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// open is the part of openDir under the lock.
func (d *rundir) open(resume bool) error {
	if !resume { // another process may have begun a run before the lock was taken
		if err := d.vacant(); err != nil {
			return err
		}
	}
	if err := d.store.MkdirAll(d.path(StateDir)); err != nil {
		return writing(d.path(StateDir), err)
	}
	for _, dir := range []string{d.dir, d.path(StateDir)} {
		if err := d.store.removeTemps(dir); err != nil {
			return fmt.Errorf("reading the run directory: %w", err)
		}
	}
	return nil
}

// remove takes a directory that was made for this run away again, if it holds no more than every
// start leaves: the lock, the log and no checkpoint.
func (d *rundir) remove() {
	if !d.made || d.ours() != nil {
		return
	}
	names, err := d.store.Names(d.dir)
	if err != nil || slices.ContainsFunc(names, func(n string) bool { return n != lockFile && n != LogFile && n != StateDir }) {
		return
	}
	if d.store.Remove(d.path(StateDir)) != nil { // it has files
		return
	}
	for _, path := range []string{d.path(LogFile), d.path(lockFile), d.dir} {
		_ = d.store.Remove(path) // a file that stays is harmless
	}
}

// close releases the lock.
func (d *rundir) close() { d.lock.Close() }

// ours checks that the directory is still the locked one. It may have been moved away, or removed
// and begun anew by another process; its files then belong to another run.
func (d *rundir) ours() error {
	err := d.lock.Check()
	if errors.Is(err, files.ErrReplaced) {
		return &Replaced{d.dir}
	}
	return err
}

// vacant checks that a new run may begin in the directory.
func (d *rundir) vacant() error {
	if _, err := os.Stat(d.path(ConfigFile)); err == nil {
		return &Exists{Dir: d.dir, Run: true}
	}
	names, err := d.store.Names(d.dir)
	if err != nil {
		return fmt.Errorf("reading the run directory: %w", err)
	}
	for _, name := range names {
		unborn := name == lockFile || name == RecordFile || name == LogFile || name == StateDir || isTemp(name)
		if !unborn {
			return &Exists{Dir: d.dir}
		}
	}
	// A run writes config.toml before its first checkpoint. A directory with checkpoints alone is a
	// run that has lost config.toml, and its checkpoints must not be overwritten.
	steps, err := (&checkpoints{store: d.store, dir: d.path(StateDir)}).list()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the run directory: %w", err)
	}
	if len(steps) > 0 {
		return &Exists{Dir: d.dir, Headless: true}
	}
	return nil
}

// free are the keys that may change when a run is resumed: none of them changes the trained
// weights.
var free = []string{"train.workers", "train.log_steps", "train.checkpoint_every", "train.checkpoint_steps", "train.max_steps", "train.eval_every", "engine.conv", "engine.precision", "engine.deterministic"}

// sameConfig compares the run's config.toml with spec and returns *Mismatch if a key that is not
// free differs.
func (d *rundir) sameConfig(spec *dsl.Spec) error {
	file := d.path(ConfigFile)
	old, err := d.store.Read(file, maxConfig)
	if err != nil {
		return fmt.Errorf("reading the run's configuration: %w", err)
	}
	diff, err := Differences(resolved(old), spec)
	if err != nil {
		return &Corrupt{File: file, Detail: err.Error(), Remedy: "restore it: it is the network the run was started with, resolved"}
	}
	if len(diff) > 0 {
		return &Mismatch{Dir: d.dir, Keys: diff}
	}
	return nil
}

// Differences compares a resolved network, in the form of Spec.TOML, with spec. It returns a line
// for each key that differs, sorted: "train.lr: 0.2, now 0.1". The keys that may change when a run
// is resumed do not count. A text that is not TOML is an error.
func Differences(config []byte, spec *dsl.Spec) ([]string, error) {
	have, err := flatten(config)
	if err != nil {
		return nil, err
	}
	want, err := flatten(spec.TOML())
	if err != nil {
		return nil, fmt.Errorf("reading back the resolved network: %w", err)
	}
	var diff []string
	for k, w := range want {
		if h, ok := have[k]; !ok {
			diff = append(diff, fmt.Sprintf("%s: absent, now %s", k, w))
		} else if h != w {
			diff = append(diff, fmt.Sprintf("%s: %s, now %s", k, h, w))
		}
	}
	for k, h := range have {
		if _, ok := want[k]; !ok {
			diff = append(diff, fmt.Sprintf("%s: %s, now absent", k, h))
		}
	}
	diff = slices.DeleteFunc(diff, func(s string) bool {
		key, _, _ := strings.Cut(s, ":")
		return slices.Contains(free, key)
	})
	slices.Sort(diff)
	return diff, nil
}

// flatten reads TOML into dotted keys with their values as text. Arrays are one value, except
// arrays of tables.
func flatten(text []byte) (map[string]string, error) {
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	out := map[string]string{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(strings.TrimPrefix(prefix+"."+k, "."), x)
			}
		case []map[string]any:
			for i, x := range v {
				walk(fmt.Sprintf("%s.%d", prefix, i), x)
			}
		default:
			out[prefix] = fmt.Sprint(v)
		}
	}
	walk("", tree)
	return out, nil
}
