package files

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestPrivate(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b")
	if err := Private(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a new one: %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o775); err != nil {
		t.Fatal(err)
	}
	if err := Private(dir); err != nil {
		t.Errorf("its own, open to the group: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("after that: %v, %v", info.Mode(), err)
	}
	var not *NotPrivate
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := Private(dir); !errors.As(err, &not) || not.Dir != dir {
		t.Errorf("like /tmp: %v", err)
	}
	if os.Geteuid() == 0 {
		other := filepath.Join(top, "other")
		if err := os.Mkdir(other, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(other, 12345, 12345); err != nil {
			t.Skip(err)
		}
		if err := Private(other); !errors.As(err, &not) {
			t.Errorf("of another user: %v", err)
		}
	}
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Private(file); err == nil {
		t.Error("a file is a folder")
	}
}
