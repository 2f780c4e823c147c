package load

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// seen is a library whose name no machine has and no other test leaves open.
var seen = &Library{Name: "libskseen", What: "a library of tests", Files: []string{"libskseen.so.1"}, Remedy: "install the moon"}

const large = "static char big[100000] = {1}; char *sk_seen(void) { return big; }"

// truncate cuts the file to a half. Loading it would end the process with SIGBUS.
func truncate(t *testing.T, file string) {
	t.Helper()
	info, err := os.Stat(file)
	if err == nil {
		err = os.Truncate(file, info.Size()/2)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLoaderPathTruncated: a truncated file in each of the loader's places is found before the
// loader maps it.
func TestLoaderPathTruncated(t *testing.T) {
	for _, where := range []string{"LD_LIBRARY_PATH", "ld.so.cache", "usr/lib64", "a part beside it"} {
		t.Run(where, func(t *testing.T) {
			root := t.TempDir()
			env := map[string]string{"root": root}
			dir, bad := root+"/usr/lib64", "libskseen.so.1"
			switch where {
			case "LD_LIBRARY_PATH":
				dir = root + "/lp"
				env["LD_LIBRARY_PATH"] = root + "/empty:" + dir
			case "ld.so.cache":
				dir = root + "/opt/x"
				if err := os.MkdirAll(root+"/etc", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(root+"/etc/ld.so.cache", cacheOf("libskseen.so.1", "/opt/x/libskseen.so.1"), 0o644); err != nil {
					t.Fatal(err)
				}
			case "a part beside it":
				bad = "libskseen_ops.so.1"
				library(t, filepath.Join(dir, "libskseen.so.1"), "int sk_seen;")
				// A file with the stem alone is not a part.
				if err := os.WriteFile(filepath.Join(dir, "libskseen"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			library(t, filepath.Join(dir, bad), large)
			truncate(t, filepath.Join(dir, bad))
			_, _, err := fake(t, env).open(seen, any1)
			var broken *OpenError
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), filepath.Join(dir, bad)) || !strings.Contains(err.Error(), "install the moon") {
				t.Errorf("have %v, want an *OpenError that names the file", err)
			}
		})
	}
}

// TestNeedsTruncated: a truncated dependency is found, since the loader maps it too.
func TestNeedsTruncated(t *testing.T) {
	dir := t.TempDir()
	library(t, dir+"/libskdeep.so.1", large)
	library(t, dir+"/libskseen.so.1", "int sk_seen;")
	cc := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", dir+"/libskseen.so.1", "-L"+dir, "-l:libskdeep.so.1", "-Wl,--no-as-needed,-soname,libskseen.so.1,-rpath,$ORIGIN")
	cc.Stdin = strings.NewReader("char *sk_seen(void); char *sk_up(void) { return sk_seen(); }")
	if out, err := cc.CombinedOutput(); err != nil {
		t.Skipf("cannot link a test library: %v: %s", err, out)
	}
	truncate(t, dir+"/libskdeep.so.1")
	_, _, err := fake(t, map[string]string{"SHAKE_LIBRARY_PATH": dir, "root": dir}).open(seen, any1)
	var broken *OpenError
	if !errors.As(err, &broken) || !strings.Contains(err.Error(), "it needs "+dir+"/libskdeep.so.1") {
		t.Errorf("have %v, want an *OpenError that names libskdeep.so.1", err)
	}
}

// TestPipeForLibrary: a pipe under a library's name is refused and not waited for.
func TestPipeForLibrary(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mkfifo", dir+"/libskseen.so.1").CombinedOutput(); err != nil {
		t.Skipf("no pipe: %v %s", err, out)
	}
	_, _, err := fake(t, map[string]string{"SHAKE_LIBRARY_PATH": dir, "root": dir}).open(seen, any1)
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("have %v, want an error", err)
	}
}

// TestNothingFromTheCurrentFolder: an empty or relative entry of LD_LIBRARY_PATH, which means the
// current folder to the loader, is refused.
func TestNothingFromTheCurrentFolder(t *testing.T) {
	dir := t.TempDir()
	library(t, dir+"/libskseen.so.1", "int sk_seen;")
	t.Chdir(dir)
	for _, path := range []string{":/nowhere", "/nowhere:", "/nowhere::/elsewhere", ".", "/nowhere;"} {
		handle, _, err := fake(t, map[string]string{"LD_LIBRARY_PATH": path, "root": dir + "/root"}).open(seen, any1)
		var broken *OpenError
		if handle != 0 || !errors.As(err, &broken) || !strings.Contains(err.Error(), "current folder") {
			t.Errorf("%q: have handle %v, %v, want an *OpenError", path, handle, err)
		}
	}
	handle, path, err := fake(t, map[string]string{"LD_LIBRARY_PATH": dir, "root": dir + "/root"}).open(seen, any1)
	if err != nil || path != dir+"/libskseen.so.1" {
		t.Fatalf("named in full: have %s, %v", path, err)
	}
	sysClose(handle)
}

// cacheOf is an ld.so.cache with two entries of a name: for another processor and for this one.
func cacheOf(name, path string) []byte {
	b := append([]byte("glibc-ld.so.cache1.1"), make([]byte, 28)...)
	binary.NativeEndian.PutUint32(b[20:], 2)
	strings := uint32(len(b) + 2*24)
	for i, flags := range []uint32{0x0803, thisFlags()} {
		e := make([]byte, 24)
		binary.NativeEndian.PutUint32(e, flags)
		binary.NativeEndian.PutUint32(e[4:], strings)
		binary.NativeEndian.PutUint32(e[8:], strings+uint32(len(name))+1+uint32(i*8))
		b = append(b, e...)
	}
	b = append(append(b, name...), 0)
	return append(append(append(b, "/other.\x00"...), path...), 0)
}

func thisFlags() uint32 {
	if triplet() == "aarch64-linux-gnu" {
		return 0x0a03
	}
	return 0x0303
}

// FuzzCache: reading any cache ends, within its bytes.
func FuzzCache(f *testing.F) {
	good := cacheOf("libskseen.so.1", "/opt/x/libskseen.so.1")
	f.Add(good)
	f.Add(good[:50])
	f.Add([]byte("ld.so-1.7.0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range cached(b, "libskseen.so.1") {
			if len(p) > len(b) {
				t.Fatalf("a path of %d bytes from %d", len(p), len(b))
			}
		}
	})
}
