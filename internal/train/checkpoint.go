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

	"shake/internal/engine"
)

// counters are what a checkpoint holds besides tensors.
type counters struct {
	Step         int   `json:"step"`          // steps done
	Epochs       int   `json:"epochs"`        // epochs closed: trained, evaluated, their line written
	Epoch        sums  `json:"epoch"`         // of the epoch at hand
	Window       sums  `json:"window"`        // of the steps since the last line of train.log_steps
	MetricsBytes int64 `json:"metrics_bytes"` // length of metrics.jsonl
	EventsBytes  int64 `json:"events_bytes"`  // length of the TensorBoard file
}

// sums are metrics added step by step. Loss is in float64 and survives JSON exactly.
type sums struct {
	Images int     `json:"images"`
	Loss   float64 `json:"loss"`
	Errors int     `json:"errors"`
}

func (s *sums) add(m engine.Metrics) {
	s.Images += m.Images
	s.Loss += m.Loss
	s.Errors += m.Errors
}

func (s sums) meanLoss() float64 { return s.Loss / float64(s.Images) }
func (s sums) percent() float64  { return 100 * float64(s.Errors) / float64(s.Images) }

// countersKey is the metadata entry of a checkpoint file with its counters as JSON.
const countersKey = "shake.counters"

// checkpoints keeps the two newest generations of a run in a folder, one self-checking file each.
type checkpoints struct {
	store store
	dir   string
	last  string // path of the newest whole one, as far as this process knows
}

func (c *checkpoints) path(step int) string {
	return filepath.Join(c.dir, stepName(step))
}

// save writes a generation and then deletes all but it and the one before.
func (c *checkpoints) save(k counters, state []engine.Tensor) (string, error) {
	j, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	path := c.path(k.Step)
	err = c.store.write(path, func(w io.Writer) error { return encodeTensors(w, state, map[string]string{countersKey: string(j)}) })
	if err != nil {
		return "", err
	}
	if path == c.last { // written again: the generation before it stays
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

// list returns the paths of all generations, newest first. Other files in the folder are none of ours.
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

// passed is a checkpoint that was passed over.
type passed struct {
	file string
	err  error // *Corrupt, or why it cannot be read
}

// load returns the newest generation that is whole, and those passed over that were newer: damaged ones, and ones that cannot be read. If none is left the
// error is *Corrupt, or that of reading the newest; errNoCheckpoint if there was none.
func (c *checkpoints) load() (k counters, state []engine.Tensor, over []passed, err error) {
	paths, err := c.list()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return counters{}, nil, nil, fmt.Errorf("reading the checkpoints: %w", err)
	}
	for _, path := range paths {
		k, state, err = c.read(path)
		if err == nil {
			c.last = path
			return k, state, over, nil
		}
		over = append(over, passed{path, err})
	}
	if len(over) == 0 {
		return counters{}, nil, nil, errNoCheckpoint
	}
	var bad *Corrupt
	if !errors.As(over[0].err, &bad) {
		return counters{}, nil, nil, fmt.Errorf("reading the checkpoints, of which none can be used: %w", over[0].err)
	}
	return counters{}, nil, nil, &Corrupt{
		File:   c.dir,
		Detail: fmt.Sprintf("no checkpoint is whole (%s: %s)", filepath.Base(bad.File), bad.Detail),
		Remedy: "start again with --out, from last.safetensors with --weights if that file is whole",
	}
}

func (c *checkpoints) read(path string) (counters, []engine.Tensor, error) {
	f, err := c.store.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return counters{}, nil, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return counters{}, nil, err
	}
	ts, meta, err := decodeTensors(f, size)
	var failed *fs.PathError
	if errors.As(err, &failed) { // reading it, not what it says
		return counters{}, nil, failed
	}
	var k counters
	if err == nil && meta[checksumKey] == "" {
		err = errors.New("it has no checksum")
	}
	if err == nil {
		err = json.Unmarshal([]byte(meta[countersKey]), &k)
	}
	if err != nil {
		return counters{}, nil, &Corrupt{File: path, Detail: err.Error(), Remedy: "it is no checkpoint: remove it"}
	}
	return k, ts, nil
}
