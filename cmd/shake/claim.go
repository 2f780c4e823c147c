package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shake/internal/files"
)

// claim makes runs/NAME, or if that is there the first of runs/NAME-2, -3 and so on that is not. Making it is what takes it: of several processes that
// begin at once each gets one of its own. undo removes the directory again if nothing is in it.
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
		if os.Remove(dir) == nil && ours { // which a folder with something in it is not
			os.Remove(runs)
		}
	}, nil
}
