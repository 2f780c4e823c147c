package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestDiskReallyFull fills a file system of 512 KiB. It needs the right to mount one.
func TestDiskReallyFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("mounting a small tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, 0) })
	whole := tempDir(t)
	mustRun(t, options(t, whole))

	dir, ballast := filepath.Join(disk, "run"), filepath.Join(disk, "ballast")
	o := options(t, dir)
	o.Observer = &listener{onSaved: func(s Saved) {
		if s.Step == 4 {
			err := os.WriteFile(ballast, make([]byte, 1<<20), 0o666)
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the disk is not full: %v", err)
			}
		}
	}}
	_, err := Run(context.Background(), o)
	var full *DiskFull
	if !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("have %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	o = options(t, dir)
	o.Resume = true
	mustRun(t, o)
	same(t, result(t, dir), result(t, whole))
}
