package data

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"shake/internal/files"
)

// TestFindSaysWhatIsThere: the error names common mistakes in place of the set, and the wanted
// files.
func TestFindSaysWhatIsThere(t *testing.T) {
	c, files := tiny(cifar10)
	for _, test := range []struct {
		name string
		have []string // files, relative to the folder
		path string   // the path of the call, relative to the folder
		want []string
	}{
		{"the version for Python, packed", []string{"cifar-10-python.tar.gz"}, "", []string{"found ", "cifar-10-python.tar.gz: the version for Python (pickles)", "want the binary version, cifar-10-binary.tar.gz"}},
		{"the version for Python, unpacked", []string{"cifar-10-batches-py/data_batch_1"}, "", []string{"cifar-10-batches-py: the version for Python"}},
		{"in its folder", []string{"data_batch_1", "data_batch_2", "test_batch", "batches.meta"}, "", []string{"files of the version for Python"}},
		{"for Matlab", []string{"cifar-10-batches-mat/test_batch.mat"}, "", []string{"the version for Matlab"}},
		{"the other set", []string{"train.bin", "test.bin"}, "", []string{"files of cifar100, want those of cifar10"}},
		{"an unfinished download", []string{"cifar-10-binary.tar.gz.partial"}, "", []string{"an unfinished download", "goes on with it"}},
		{"a copy by a browser", []string{"cifar-10-binary (1).tar.gz"}, "", []string{"cifar-10-binary (1).tar.gz: has another name", "--data with this path"}},
		{"misspelt", []string{"cifar-10-binary.tar.gz"}, "cifar-10-binray.tar.gz", []string{"cifar-10-binray.tar.gz (--data): no such file or folder", "cifar-10-binary.tar.gz: did you mean this?"}},
		{"some of it", []string{c.train[0].name}, "", []string{"missing: ", "data_batch_2.bin"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range test.have {
				put(t, filepath.Join(dir, name), []byte("x"))
			}
			_, _, _, err := c.open(filepath.Join(dir, test.path))
			var missing *NotFoundError
			if !errors.As(err, &missing) {
				t.Fatalf("have %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in:\n%v", want, err)
				}
			}
		})
	}
	// The same inside an archive that the path names.
	for name, want := range map[string]string{"cifar-10-batches-py/data_batch_1": "the version for Python", "cifar-100-binary/train.bin": `it holds "cifar-100-binary/train.bin"`, "a\x1b[2J": `it holds "a\x1b[2J"`} {
		file := filepath.Join(t.TempDir(), "a.tar.gz")
		put(t, file, pack([]entry{{tar.Header{Name: name}, files["test_batch.bin"]}}))
		if _, _, _, err := c.open(file); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("an archive of %q: have %v", name, err)
		}
	}
}

// TestFindNamedPlace: a path in SHAKE_DATA that does not exist is an error and not passed over. A
// regular file called data is passed over.
func TestFindNamedPlace(t *testing.T) {
	c, files := tiny(cifar10)
	cache, work := t.TempDir(), t.TempDir()
	t.Chdir(work)
	t.Setenv("XDG_CACHE_HOME", cache)
	user, err := Folder()
	if err != nil || !strings.HasPrefix(user, cache) {
		t.Skip(user, err)
	}
	put(t, filepath.Join(user, c.archive.name), pack(c.entries(files)))
	t.Setenv("SHAKE_DATA", filepath.Join(work, "nowhere"))
	var missing *NotFoundError
	if _, _, _, err := c.open(""); !errors.As(err, &missing) || !strings.Contains(err.Error(), "nowhere (SHAKE_DATA): no such file or folder") {
		t.Errorf("have %v", err)
	}
	t.Setenv("SHAKE_DATA", "")
	put(t, filepath.Join(work, "data"), []byte("a thesis"))
	if _, _, prov, err := c.open(""); err != nil || !strings.HasPrefix(prov.Source, user) {
		t.Errorf("with a file called data: have %v, %v", prov.Source, err)
	}
}

// TestFindWhatCannotBeSeen: an unreadable folder is not taken for empty, and a pipe or device is
// not waited for.
func TestFindWhatCannotBeSeen(t *testing.T) {
	c, content := tiny(cifar10)
	dir := t.TempDir()
	if err := os.Symlink(c.folder, filepath.Join(dir, c.folder)); err != nil {
		t.Skip(err)
	}
	if _, _, _, err := c.open(dir); !errors.Is(err, syscall.ELOOP) || !strings.Contains(err.Error(), "cannot be looked into") {
		t.Errorf("a circle of links: have %v", err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	var not *files.NotRegular
	if _, _, _, err := c.open(pipe); !errors.As(err, &not) {
		t.Errorf("a pipe: have %v", err)
	}
	flat := unpacked(t, content)
	member := filepath.Join(flat, c.test[0].name)
	os.Remove(member)
	if err := syscall.Mkfifo(member, 0o600); err != nil {
		t.Skip(err)
	}
	if _, _, _, err := c.open(flat); !errors.As(err, &not) || not.Path != member {
		t.Errorf("a pipe for a member: have %v", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	// A folder of mode 000, seen by a thread that is not root to the file system.
	locked := t.TempDir()
	for name, b := range content {
		put(t, filepath.Join(locked, name), b)
	}
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(locked, 0o700)
	err := asNobody(func() error {
		_, _, _, err := c.open(locked)
		return err
	})
	var missing *NotFoundError
	if !errors.Is(err, os.ErrPermission) || errors.As(err, &missing) || !strings.Contains(err.Error(), locked+" (--data) cannot be looked into") {
		t.Errorf("mode 000: have %v", err)
	}
}
