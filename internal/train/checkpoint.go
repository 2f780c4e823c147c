package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"shake/internal/engine"
)

// The metadata entries of a checkpoint file.
const (
	formatKey     = "shake.checkpoint" // number of the format; a file of format 1 has no such entry
	countersKey   = "shake.counters"   // JSON
	experimentKey = "shake.experiment" // JSON; since format 2
)

// format is the number of the newest format of checkpoints; save writes this one. All earlier
// formats are read.
const format = 2

// checkpoint is the content of a checkpoint's file.
type checkpoint struct {
	counters
	experiment
	state []engine.Tensor
}

// checkpoints keeps the two newest generations of a run in a folder, one self-checking file each.
type checkpoints struct {
	store store
	dir   string
	last  string // path of the newest whole checkpoint, as far as this process knows
	of    length // of the run; a checkpoint is checked against it
	most  int64  // bytes of a checkpoint of this network; 0: any number
	// belongs is *Mismatch for another experiment than this run's. It comes before the counters, which
	// are those of their own experiment. nil: every experiment belongs.
	belongs func(experiment) error
}

func (c *checkpoints) path(step int) string {
	return filepath.Join(c.dir, stepName(step))
}

// save writes a generation. It then deletes every generation but this one and the one before.
func (c *checkpoints) save(p checkpoint) (string, error) {
	k, err := json.Marshal(p.counters)
	if err != nil {
		return "", err
	}
	e, err := p.experiment.encode()
	if err != nil {
		return "", err
	}
	meta := map[string]string{formatKey: strconv.Itoa(format), countersKey: string(k), experimentKey: e}
	path := c.path(p.Step)
	if err := c.store.write(path, func(w io.Writer) error { return encodeTensors(w, p.state, meta) }); err != nil {
		return "", err
	}
	if path == c.last { // the file is written again: the generation before it stays
		return path, nil
	}
	old, err := c.list()
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", c.dir, err)
	}
	for _, p := range old {
		if p != path && p != c.last {
			if err := c.store.Remove(p); err != nil && c.store.Notice != nil {
				c.store.Notice(fmt.Sprintf("an old checkpoint stays: %v", err))
			}
		}
	}
	c.last = path
	return path, nil
}

// list returns the paths of all generations, newest first. Other files in the folder are ignored.
func (c *checkpoints) list() ([]string, error) {
	names, err := c.store.Names(c.dir)
	var paths []string
	for _, n := range slices.Backward(names) {
		if _, ok := stepOf(n); ok {
			paths = append(paths, filepath.Join(c.dir, n))
		}
	}
	return paths, err
}

// errNoCheckpoint means that no generation was ever finished.
var errNoCheckpoint = errors.New("no checkpoint")

// passed is a checkpoint that load passed over.
type passed struct {
	file string
	err  error // *Corrupt, or the error of reading it
}

// load returns the newest whole generation, and the newer ones that it passed over: damaged and
// unreadable ones. If none is left the error is *Corrupt, or that of reading the newest;
// errNoCheckpoint if the folder has none; *Later if one is of a later version; *Mismatch if one is
// of another experiment.
func (c *checkpoints) load() (p checkpoint, over []passed, err error) {
	paths, err := c.list()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return checkpoint{}, nil, fmt.Errorf("reading the checkpoints: %w", err)
	}
	for _, path := range paths {
		p, err = c.read(path)
		var later *Later
		var other *Mismatch
		if err == nil {
			c.last = path
			return p, over, nil
		}
		if errors.As(err, &later) || errors.As(err, &other) {
			return checkpoint{}, nil, err
		}
		over = append(over, passed{path, err})
	}
	if len(over) == 0 {
		return checkpoint{}, nil, errNoCheckpoint
	}
	var bad *Corrupt
	if !errors.As(over[0].err, &bad) {
		return checkpoint{}, nil, fmt.Errorf("reading the checkpoints, of which none can be used: %w", over[0].err)
	}
	return checkpoint{}, nil, &Corrupt{
		File:   c.dir,
		Detail: fmt.Sprintf("no checkpoint is whole (%s: %s)", filepath.Base(bad.File), bad.Detail),
		Remedy: "start again with --out, from last.safetensors with --weights if that file is whole",
	}
}

// read reads one generation. The error is *Corrupt if the file is damaged.
func (c *checkpoints) read(path string) (checkpoint, error) {
	f, err := c.store.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return checkpoint{}, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return checkpoint{}, err
	}
	if c.most > 0 && size > c.most {
		return checkpoint{}, &Corrupt{File: path, Detail: fmt.Sprintf("%d bytes, more than a checkpoint of this network can have (%d)", size, c.most), Remedy: "it is no checkpoint: remove it"}
	}
	ts, meta, err := decodeTensors(f, size)
	var failed *fs.PathError
	if errors.As(err, &failed) { // an error of reading, not of the content
		return checkpoint{}, failed
	}
	p := checkpoint{state: ts}
	if err == nil {
		err = p.parse(meta)
	}
	var later *Later
	if errors.As(err, &later) {
		later.File = path
		return checkpoint{}, later
	}
	if err == nil && c.belongs != nil {
		if err := c.belongs(p.experiment); err != nil {
			return checkpoint{}, err
		}
	}
	if err == nil {
		step, _ := stepOf(filepath.Base(path))
		err = p.counters.check(step, c.of)
	}
	if err != nil {
		return checkpoint{}, &Corrupt{File: path, Detail: err.Error(), Remedy: "it is no checkpoint: remove it"}
	}
	return p, nil
}

// parse reads the metadata of a checkpoint.
func (p *checkpoint) parse(meta map[string]string) error {
	if meta[checksumKey] == "" {
		return errors.New("it has no checksum")
	}
	n := 1
	if s, ok := meta[formatKey]; ok {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 2 {
			return fmt.Errorf("its format is %q", s)
		}
	}
	if n > format {
		return &Later{Format: n}
	}
	var err error
	if p.counters, err = parseCounters(meta[countersKey]); err != nil {
		return err
	}
	if n == 1 {
		return nil
	}
	if err := json.Unmarshal([]byte(meta[experimentKey]), &p.experiment); err != nil || p.Config == "" {
		return errors.New("it does not say of what experiment it is")
	}
	return nil
}
