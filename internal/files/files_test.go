package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func want(t *testing.T, path, content string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != content {
		t.Errorf("%s: have %q, %v, want %q", path, b, err, content)
	}
}

// only fails unless the folder has exactly these names.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(names) {
		t.Errorf("have %v, %v, want %v", entries, err, names)
	}
	for _, e := range entries {
		if !slices.ContainsFunc(names, func(n string) bool { return filepath.Base(n) == e.Name() }) {
			t.Errorf("%s is there, want %v", e.Name(), names)
		}
	}
}

func TestWriteFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, step := range []error{os.Mkdir("far", 0o755), os.WriteFile("far/file", []byte("old"), 0o640), os.Symlink("far/file", "link"), os.Symlink("link", "link2"),
		os.Symlink("far/new", "dangling"), os.Symlink("loop", "loop")} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for path, behind := range map[string]string{"link2": "far/file", "dangling": "far/new"} {
		if err := Write(path, text("new "+path)); err != nil {
			t.Fatal(err)
		}
		want(t, behind, "new "+path)
		if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v", path, err)
		}
	}
	if info, err := os.Stat("far/file"); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, want 0640", info.Mode())
	}
	if err := Write("loop", text("x")); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a circle of links: %v", err)
	}
	if err := Write("far", text("x")); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder: %v", err)
	}
	only(t, "far", "file", "new")
}

// TestWriteIntoDevices: a path that is not a regular file keeps its kind.
func TestWriteIntoDevices(t *testing.T) {
	before, err := os.Stat("/dev/null")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "null")
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/dev/null", link} {
		if err := Write(path, text("gone")); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := os.Stat("/dev/null"); err != nil || after.Mode() != before.Mode() || !os.SameFile(before, after) {
		t.Fatalf("/dev/null was replaced: %v, %v", after, err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	got := make(chan []byte)
	go func() {
		b, _ := os.ReadFile(pipe)
		got <- b
	}()
	if err := Write(pipe, text("through")); err != nil {
		t.Fatal(err)
	}
	if b := <-got; string(b) != "through" {
		t.Errorf("through the pipe came %q", b)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is gone: %v", err)
	}
	// An open file whose name is gone is written, too.
	f, err := os.Create(filepath.Join(dir, "nameless"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	os.Remove(f.Name())
	if err := Write(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), text("kept")); err == nil {
		if b, err := io.ReadAll(io.NewSectionReader(f, 0, 100)); err != nil || string(b) != "kept" {
			t.Errorf("the nameless file has %q, %v", b, err)
		}
	}
	only(t, dir, "null", "pipe")
}

// TestReplaceFails: after any failure the old file is whole and no other file is left.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	// Names cannot be longer.
	path := filepath.Join(dir, strings.Repeat("n", 255))
	if err := ReplaceBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Replace(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("have %v", err)
	}
	want(t, path, "old")
	only(t, dir, path)
	if err := ReplaceBytes(filepath.Join(dir, "no", "folder"), nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no/folder") {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceBytes(filepath.Join(dir, "in the way"), nil); err == nil || !strings.HasSuffix(strings.Split(err.Error(), ": ")[0], "in the way") {
		t.Errorf("a folder of that name: %v", err)
	}
	if f, err := os.Open("/dev/full"); err == nil {
		f.Close()
		if err := Write("/dev/full", text("x")); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("/dev/full: %v", err)
		}
	}
}

// TestTwoWriters: of many writers of one file at once, one wins whole, and a reader sees a whole
// file at any instant.
func TestTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for range 20 {
				err := Replace(path, func(out io.Writer) error {
					for range 64 {
						if _, err := out.Write(bytes.Repeat([]byte{byte('a' + w)}, 512)); err != nil {
							return err
						}
					}
					return nil
				})
				b, rerr := os.ReadFile(path)
				if err != nil || rerr != nil || len(b) != 64*512 || len(bytes.Trim(b, string(b[:1]))) != 0 {
					t.Errorf("%v, %v: %d bytes, not all by one writer", err, rerr, len(b))
				}
			}
		})
	}
	wg.Wait()
	only(t, filepath.Dir(path), "file")
}

func TestTemps(t *testing.T) {
	for name, ours := range map[string]bool{
		".shake-0123456789abcdef.tmp": true, ".shake-0123456789abcde.tmp": false, ".shake-0123456789abcdeg.tmp": false, ".x.tmp": false,
		"shake-0123456789abcdef.tmp": false, ".shake-0123456789abcdef.tmp2": false, "0123456789abcdef.tmp": false, ".shake-.tmp": false,
	} {
		if IsTemp(name) != ours {
			t.Errorf("IsTemp(%q) is %v", name, !ours)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{".shake-0123456789abcdef.tmp", ".x.tmp", "exp[12]"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, release, err := (*Disk)(nil).temp(dir)
	if err != nil || !IsTemp(filepath.Base(f.Name())) {
		t.Fatalf("a new one: %v", err)
	}
	clean := func() {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if IsTemp(e.Name()) {
				if err := (*Disk)(nil).RemoveTemp(filepath.Join(dir, e.Name())); err != nil {
					t.Error(err)
				}
			}
		}
	}
	// A file at which a process is at work stays, also between its close and its rename.
	clean()
	only(t, dir, ".x.tmp", "exp[12]", filepath.Base(f.Name()))
	f.Close()
	clean()
	only(t, dir, ".x.tmp", "exp[12]", filepath.Base(f.Name()))
	release()
	clean()
	only(t, dir, ".x.tmp", "exp[12]")

	// Without locks the age decides.
	young, old := filepath.Join(dir, ".shake-0000000000000001.tmp"), filepath.Join(dir, ".shake-0000000000000002.tmp")
	for _, path := range []string{young, old} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	without := &Disk{Inject: func(op Op, _ string) error {
		if op == OpFlock {
			return syscall.ENOLCK
		}
		return nil
	}}
	if err := errors.Join(without.RemoveTemp(young), without.RemoveTemp(old)); err != nil {
		t.Error(err)
	}
	only(t, dir, ".x.tmp", "exp[12]", filepath.Base(young))
}

// TestReplaceBesideCleaning writes files in a folder while another process removes temporary files
// there.
func TestReplaceBesideCleaning(t *testing.T) {
	dir := t.TempDir()
	done := make(chan bool)
	var cleaner sync.WaitGroup
	cleaner.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if IsTemp(e.Name()) {
					if err := (*Disk)(nil).RemoveTemp(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
						t.Error(err)
					}
				}
			}
		}
	})
	for i := range 60 {
		name := fmt.Sprint("f", i%3)
		if err := Replace(filepath.Join(dir, name), text(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		want(t, filepath.Join(dir, name), fmt.Sprint(i))
	}
	close(done)
	cleaner.Wait()
	only(t, dir, "f0", "f1", "f2")
}

func TestReadRegularOnly(t *testing.T) {
	dir := t.TempDir()
	pipe, sparse := filepath.Join(dir, "pipe"), filepath.Join(dir, "sparse")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	f, err := os.Create(sparse)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 40); err != nil {
		t.Skip(err)
	}
	for path, what := range map[string]string{pipe: "a pipe", "/dev/zero": "a device", dir: "a folder"} {
		var not *NotRegular
		if _, err := Read(path, 1<<20); !errors.As(err, &not) || not.What != what || not.Path != path {
			t.Errorf("%s: have %v, want %s", path, err, what)
		}
	}
	var large *TooLarge
	if _, err := Read(sparse, 1<<20); !errors.As(err, &large) || large.Size != 1<<40 {
		t.Errorf("1 TiB: have %v", err)
	}
	if _, err := Read(filepath.Join(dir, "absent"), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: have %v", err)
	}
	if err := os.WriteFile(sparse, []byte("four"), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(sparse, 4); err != nil || string(b) != "four" {
		t.Errorf("have %q, %v", b, err)
	}
}
