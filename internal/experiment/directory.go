package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"shake/dsl"
	"shake/internal/files"
	"shake/internal/train"
	"shake/nets"
)

// The files of a sweep's directory.
const (
	SweepFile = "sweep.toml" // the sweep; its rows name the networks beside it
	NetFile   = "net.toml"   // the resolved network of a row
	lockFile  = ".lock"
)

// maxSweep is the largest sweep.toml and net.toml that is read, in bytes.
const maxSweep = 1 << 20

// Directory is a sweep's directory that this process works in.
type Directory struct {
	Path   string
	Sweep  *dsl.Sweep
	Shard  Shard
	Notice string // a remark on the lock for the user; "" for none
	lock   *files.Lock
	disk   *files.Disk
}

// Open makes or opens the directory of a sweep for a shard of its runs, and writes the files that a
// report needs. It refuses a directory of another sweep (*Other), rows that have changed
// (*Changed), and a directory in which the same shard is at work (*Busy).
func Open(path string, s *dsl.Sweep, shard Shard) (*Directory, error) {
	return open(path, s, shard, new(files.Disk))
}

// open is Open on a disk, whose notices become the directory's.
func open(path string, s *dsl.Sweep, shard Shard, disk *files.Disk) (*Directory, error) {
	d := &Directory{Path: path, Sweep: s, Shard: shard, disk: disk}
	disk.Notice = func(text string) { d.Notice = text }
	// Durable, as the checkpoints of the runs in it will be
	if err := disk.MkdirAll(path); err != nil {
		return nil, fmt.Errorf("making the sweep's directory: %w", err)
	}
	name := lockFile
	if shard != Whole {
		name = fmt.Sprintf("%s-%d-of-%d", lockFile, shard.I, shard.N)
	}
	var err error
	if d.lock, err = disk.Lock(filepath.Join(path, name)); errors.Is(err, files.ErrLocked) {
		return nil, &Busy{Dir: path, Shard: shard}
	} else if err != nil {
		return nil, fmt.Errorf("locking the sweep's directory: %w", err)
	}
	if err := d.prepare(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Close releases the lock.
func (d *Directory) Close() { d.lock.Close() }

// prepare checks the content of the directory and writes sweep.toml and the rows' networks.
func (d *Directory) prepare() error {
	if err := d.same(); err != nil {
		return err
	}
	for i := range d.Sweep.Rows {
		r := &d.Sweep.Rows[i]
		if err := d.disk.MkdirAll(filepath.Join(d.Path, r.Name)); err != nil {
			return fmt.Errorf("making a row's directory: %w", err)
		}
		if err := d.put(d.netFile(r), named(r).TOML()); err != nil {
			return err
		}
	}
	return d.put(filepath.Join(d.Path, SweepFile), d.Sweep.TOML(func(r *dsl.Row) string { return r.Name + "/" + NetFile }))
}

// named is the row's network under the row's name.
func named(r *dsl.Row) *dsl.Spec {
	s := *r.Spec
	s.Name = r.Name
	return &s
}

func (d *Directory) netFile(r *dsl.Row) string { return filepath.Join(d.Path, r.Name, NetFile) }

// put writes a file unless it is there with the same content.
func (d *Directory) put(file string, text []byte) error {
	if old, err := files.Read(file, maxSweep); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return d.disk.Replace(file, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// same compares the directory with the sweep.
func (d *Directory) same() error {
	// Listed first: another shard may write sweep.toml at any moment.
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		return fmt.Errorf("reading the sweep's directory: %w", err)
	}
	old, err := files.Read(filepath.Join(d.Path, SweepFile), maxSweep)
	if errors.Is(err, fs.ErrNotExist) {
		return d.vacant(entries)
	}
	if err != nil {
		return fmt.Errorf("reading the sweep's directory: %w", err)
	}
	before, err := nets.ParseSweep(filepath.Join(d.Path, SweepFile), old)
	if err != nil {
		return fmt.Errorf("reading the sweep of the directory: %w", err)
	}
	if before.Name != d.Sweep.Name {
		return &Other{Dir: d.Path, Have: before.Name, Want: d.Sweep.Name}
	}
	changed := &Changed{Dir: d.Path}
	for i := range d.Sweep.Rows {
		r := &d.Sweep.Rows[i]
		config, err := files.Read(d.netFile(r), maxSweep)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a row's network: %w", err)
		}
		diff, err := train.Differences(config, named(r))
		if err != nil {
			return fmt.Errorf("%s: %w", d.netFile(r), err)
		}
		if len(diff) > 0 {
			changed.Rows = append(changed.Rows, r.Name+": "+strings.Join(diff, "; "))
		}
	}
	if len(changed.Rows) > 0 {
		return changed
	}
	return nil
}

// vacant refuses a directory with other entries than locks and the files of an interrupted prepare.
func (d *Directory) vacant(entries []fs.DirEntry) error {
	for _, e := range entries {
		known := strings.HasPrefix(e.Name(), lockFile) || files.IsTemp(e.Name())
		for _, r := range d.Sweep.Rows {
			known = known || e.Name() == r.Name && e.IsDir()
		}
		if !known {
			return &Other{Dir: d.Path, Want: d.Sweep.Name}
		}
	}
	return nil
}

// Plan lists the runs of a sweep in the directory path for a shard, seed by seed within each row.
// Rows for which keep is false are left out after the runs are dealt to shards, so that a choice of
// rows does not move a run from one shard to another.
func Plan(path string, s *dsl.Sweep, shard Shard, keep func(row string) bool) []Run {
	var runs []Run
	index := 0
	for i := range s.Rows {
		r := &s.Rows[i]
		for _, seed := range r.Seeds {
			if shard.has(index) && keep(r.Name) {
				runs = append(runs, Run{Row: r, Seed: seed, Dir: runDir(path, r, seed)})
			}
			index++
		}
	}
	return runs
}

func runDir(path string, r *dsl.Row, seed uint64) string {
	return filepath.Join(path, r.Name, fmt.Sprintf("seed-%d", seed))
}

// Read reads the sweep of a directory that Open made. Without one the error is *NoSweep.
func Read(path string) (*dsl.Sweep, error) {
	file := filepath.Join(path, SweepFile)
	text, err := files.Read(file, maxSweep)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NoSweep{path}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the sweep: %w", err)
	}
	return nets.ParseSweep(file, text)
}
