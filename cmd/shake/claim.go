package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shake/internal/files"
)

// claim makes runs/NAME, or if that exists the first free name of runs/NAME-2, -3 and so on. Making
// the folder claims it, so that of several processes that begin at once each gets a folder of its
// own. undo removes the folder again if it is empty.
func claim(name string) (dir string, undo func(), err error) {
	const runs = "runs"
	_, err = os.Lstat(runs)
	ours := errors.Is(err, fs.ErrNotExist)
	var disk *files.Disk
	if err := disk.MkdirAll(runs); err != nil {
		return "", nil, fmt.Errorf("making the run directory: %w", err)
	}
	dir = filepath.Join(runs, name)
	for n := 2; ; n++ {
		err := disk.Mkdir(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", nil, fmt.Errorf("making the run directory: %w", err)
		}
		dir = filepath.Join(runs, fmt.Sprintf("%s-%d", name, n))
	}
	return dir, func() {
		os.Remove(dir) // which fails for a folder with content
		if ours {
			os.Remove(runs)
		}
	}, nil
}
