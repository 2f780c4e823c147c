package load

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		l             *Library
		version, want string
		ok            bool
	}{
		{CUDNN, "9.9.0", "not supported: older than 9.10", false},
		{CUDNN, "9.10.0", "supported", true},
		{CUDNN, "9.28.1", "supported", true},
		{CUDNN, "9.29.0", "newer than any that was tried", true},
		{CUDNN, "10.0.0", "newer than any that was tried", true},
		{CUDNN, "8.9.7", "not supported: older than 9.10", false},
		{NVRTC, "12.3", "not supported: older than 12.4", false},
		{NVRTC, "12.4", "supported", true},
		{NVRTC, "13.2", "supported", true},
		{CUDA, "11.8", "not supported: older than 12.0", false},
		{CUDA, "12.2", "supported, but older than any that was tried", true},
		{CUDA, "14.0", "newer than any that was tried", true},
		{NCCL, "2.17.1", "not supported: older than 2.18", false},
		{NCCL, "2.18.3", "supported", true},
		{NVML, "1.0", "", true},
		{CUDNN, "", "", true},
	} {
		if have, ok := Judge(c.l, c.version); have != c.want || ok != c.ok {
			t.Errorf("%s %s: have %q, %v, want %q, %v", c.l.Name, c.version, have, ok, c.want, c.ok)
		}
	}
}

// TestCheck: an NVRTC that is too old is refused beside a good driver.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	library(t, filepath.Join(dir, "libcuda.so.1"), "int cuDriverGetVersion(int *v) { *v = 12040; return 0; }")
	library(t, filepath.Join(dir, "libnvrtc.so.12"), "int nvrtcVersion(int *a, int *b) { *a = 12; *b = 3; return 0; }")
	t.Setenv(PathVariable, dir)
	var old *VersionError
	if err := Check(false); !errors.As(err, &old) || old.Path != filepath.Join(dir, "libnvrtc.so.12") || !strings.Contains(err.Error(), "version 12.3, and 12.4 is the oldest") ||
		!strings.Contains(err.Error(), "pip install") {
		t.Errorf("have %v", err)
	}
}

// The README's table of versions is that of Supported.
func TestReadmeVersions(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Supported {
		row := regexp.MustCompile(`(?m)^\| .*\(\x60` + regexp.QuoteMeta(s.Library.Files[0][:strings.Index(s.Library.Files[0], ".so")]) + `\x60\) \| (\S+) \| (.*) \|$`).FindSubmatch(b)
		if row == nil {
			t.Errorf("no row for %s", s.Library.Name)
			continue
		}
		if have, want := string(row[1])+" "+string(row[2]), s.Oldest+" "+strings.Join(s.Tried, ", "); have != want {
			t.Errorf("%s: the README says %q, the program %q", s.Library.Name, have, want)
		}
	}
}
