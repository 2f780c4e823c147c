package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	for _, old := range c.list() {
		if old != path && old != c.last {
			os.Remove(old)
		}
	}
	c.last = path
	return path, nil
}

// list returns the paths of all generations, newest first. Other files in the folder are none of ours.
func (c *checkpoints) list() []string {
	entries, _ := os.ReadDir(c.dir) // by name
	var paths []string
	for _, e := range slices.Backward(entries) {
		if _, ok := stepOf(e.Name()); ok {
			paths = append(paths, filepath.Join(c.dir, e.Name()))
		}
	}
	return paths
}

// errNoCheckpoint means that no generation was ever finished.
var errNoCheckpoint = errors.New("no checkpoint")

// load returns the newest generation that is whole. damaged names those that were newer and are not. If all are damaged the error is *Corrupt.
func (c *checkpoints) load() (k counters, state []engine.Tensor, damaged []*Corrupt, err error) {
	for _, path := range c.list() {
		k, state, err = readCheckpoint(path)
		var bad *Corrupt
		switch {
		case err == nil:
			c.last = path
			return k, state, damaged, nil
		case errors.As(err, &bad):
			damaged = append(damaged, bad)
		default:
			return counters{}, nil, nil, fmt.Errorf("reading checkpoint: %w", err)
		}
	}
	if len(damaged) == 0 {
		return counters{}, nil, nil, errNoCheckpoint
	}
	return counters{}, nil, nil, &Corrupt{
		File:   c.dir,
		Detail: fmt.Sprintf("no checkpoint is whole (%s: %s)", filepath.Base(damaged[0].File), damaged[0].Detail),
		Remedy: "start again with --out, from last.safetensors with --weights if that file is whole",
	}
}

func readCheckpoint(path string) (counters, []engine.Tensor, error) {
	ts, meta, err := readTensors(path, 0)
	if err != nil {
		return counters{}, nil, err
	}
	var k counters
	if meta[checksumKey] == "" {
		err = errors.New("it has no checksum")
	} else {
		err = json.Unmarshal([]byte(meta[countersKey]), &k)
	}
	if err != nil {
		return counters{}, nil, &Corrupt{File: path, Detail: err.Error(), Remedy: "it is no checkpoint: remove it"}
	}
	return k, ts, nil
}
