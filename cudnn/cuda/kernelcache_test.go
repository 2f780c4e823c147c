package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKernelCache(t *testing.T) {
	if !onNullNVRTC(t, 13000, 13) {
		return
	}
	dir := filepath.Join(t.TempDir(), "a", "kernels")
	count := filepath.Join(t.TempDir(), "compiled")
	t.Setenv("SK_NULL_COMPILED", count)
	k := KernelCache{dir}
	compile := func(name, src string, opts []string, compilations int, note string) {
		t.Helper()
		os.Remove(count)
		b, err := k.Compile(src, "k.cu", opts)
		if err != nil || string(b.Image) != "compiled "+src || b.Log != "k.cu(1): warning: compiled by nobody" || b.Cached != (compilations == 0) {
			t.Errorf("%s: have %+v, %v", name, b, err)
		}
		done, _ := os.ReadFile(count)
		if len(done) != compilations {
			t.Errorf("%s: compiled %d times, want %d", name, len(done), compilations)
		}
		if b != nil && (note == "" && b.Note != "" || !strings.Contains(b.Note, note)) {
			t.Errorf("%s: the note is %q, want %q", name, b.Note, note)
		}
	}
	entries := func() []string {
		all, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		if hidden, _ := filepath.Glob(dir + "/.*"); len(hidden) > 0 {
			t.Errorf("left behind: %v", hidden)
		}
		return all
	}
	compile("first", "s", []string{"-a", "-b"}, 1, "")
	compile("again", "s", []string{"-a", "-b"}, 0, "")
	compile("another option", "s", []string{"-a", "-c"}, 1, "")
	compile("options run together", "s", []string{"-a-b"}, 1, "")
	compile("another source", "s2", []string{"-a", "-b"}, 1, "")
	if n := len(entries()); n != 4 {
		t.Errorf("%d entries, want 4", n)
	}
	whole, err := os.ReadFile(entries()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []struct {
		name string
		file []byte
	}{
		{"empty", nil}, {"cut short", whole[:len(whole)-1]}, {"head only", whole[:20]}, {"longer", append(whole[:len(whole):len(whole)], 0)},
		{"one bit", append(append([]byte{}, whole[:len(whole)-1]...), whole[len(whole)-1]^1)},
		{"a log longer than the file", append(append([]byte{}, whole[:len(entryMagic)+32]...), make([]byte, 8)...)},
	} {
		for _, e := range entries() {
			if err := os.WriteFile(e, damage.file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		compile(damage.name, "s", []string{"-a", "-b"}, 1, "was damaged")
		compile(damage.name+", rebuilt", "s", []string{"-a", "-b"}, 0, "")
	}
	// Another NVRTC file is another compiler, even of the same version.
	lib := os.Getenv("SHAKE_LIBRARY_PATH") + "/libnvrtc.so.13"
	info := must(os.Stat(lib))
	if err := os.Chtimes(lib, info.ModTime(), info.ModTime().Add(1e9)); err != nil {
		t.Fatal(err)
	}
	compile("another compiler", "s", []string{"-a", "-b"}, 1, "")

	if _, err := k.Compile("mistake", "k.cu", nil); err == nil {
		t.Error("a mistake was compiled")
	}
	k.Dir = ""
	compile("no folder", "s", nil, 1, "")
	k.Dir = lib // a file where the folder should be
	compile("no folder can be made", "s", nil, 1, "not kept")
}

func TestDefaultKernelCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/caches")
	for _, c := range []struct{ env, want string }{{"", "/caches/shake/kernels"}, {"/elsewhere", "/elsewhere"}, {"off", ""}} {
		t.Setenv(KernelCacheVariable, c.env)
		if have := DefaultKernelCache().Dir; have != c.want {
			t.Errorf("%q: have %q, want %q", c.env, have, c.want)
		}
	}
}

// TestKernelCacheTwoProcesses has several processes fill one folder at once, with the same entries.
func TestKernelCacheTwoProcesses(t *testing.T) {
	const variable = "SK_TEST_FILL"
	if dir := os.Getenv(variable); dir != "" {
		for range 20 {
			for _, src := range []string{"one", "two", "three"} {
				src += strings.Repeat(" long", 5000)
				if b, err := (KernelCache{dir}).Compile(src, "k.cu", nil); err != nil || string(b.Image) != "compiled "+src || b.Note != "" {
					t.Fatalf("%d bytes, %v", len(b.Image), err)
				}
			}
			all, _ := filepath.Glob(dir + "/*.kernel")
			if len(all) > 0 {
				os.Remove(all[0]) // so that it is written again and again
			}
		}
		return
	}
	lib, dir := t.TempDir(), t.TempDir()
	buildNull(t, lib)
	buildNullNVRTC(t, lib, 13)
	exe := must(os.Executable())
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			c := exec.Command(exe, "-test.run=^TestKernelCacheTwoProcesses$")
			c.Env = append(os.Environ(), variable+"="+dir, "SHAKE_LIBRARY_PATH="+lib)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wait.Wait()
}
