package load

import (
	"path/filepath"
	"testing"
)

func TestLook(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ folder, file, source, want string }{
		{"a", "libnvrtc.so.13", "int nvrtcVersion(int *a, int *b) { *a = 13; *b = 5; return 0; }", "13.5"},
		{"a", "libcuda.so.1", "int cuDriverGetVersion(int *a) { *a = 13010; return 0; }", "13.1"},
		// The call fails.
		{"b", "libnvrtc.so.13", "int nvrtcVersion(int *a, int *b) { return 1; }", ""},
		// The function is missing.
		{"b", "libcuda.so.1", "int something;", ""},
	} {
		path := filepath.Join(dir, c.folder, c.file)
		library(t, path, c.source)
		t.Setenv("SHAKE_LIBRARY_PATH", filepath.Join(dir, c.folder))
		l := NVRTC
		if c.file == "libcuda.so.1" {
			l = CUDA
		}
		have, version, err := Look(l)
		if err != nil || have != path || version != c.want {
			t.Errorf("%s: have %s, version %q, %v; want version %q", path, have, version, err, c.want)
		}
	}
	if have := versionCalls["libcuda"].text(13010, 0); have != "13.1" {
		t.Errorf("CUDA 13010 is %s, want 13.1", have)
	}
	for number, want := range map[int]string{92801: "9.28.1", 90000: "9.0.0", 8907: "8.9.7", 7605: "7.6.5", 21803: "2.18.3"} {
		if have := versionCalls["libcudnn"].text(number, 0); have != want {
			t.Errorf("cuDNN %d is %s, want %s", number, have, want)
		}
	}
}
