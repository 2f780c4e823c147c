package load

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeNVRTC gives a version and, as NVRTC does at its first compilation, opens its builtins by
// their bare name.
const fakeNVRTC = `
#include <dlfcn.h>
int nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 0; return 0; }
int compile(int *answer, int *unused) {
  void *h = dlopen("libnvrtc-builtins.so.13.0", RTLD_NOW);
  int (*which)(void) = h ? dlsym(h, "which") : 0;
  *answer = which ? which() : -1, *unused = 0;
  return 0;
}
`

// TestBuiltins opens an NVRTC without a run path in the layouts of wheels, links and toolkits, and
// lets it look for its builtins by name. Each layout has a process of its own, since a library is
// found by name ever after it was opened once.
func TestBuiltins(t *testing.T) {
	if path := os.Getenv("SHAKE_TEST_BUILTINS"); path != "" {
		handle, _, err := machine().open(NVRTC, any1)
		if err != nil {
			t.Fatal(err)
		}
		v, _, ok := sysVersion(handle, versionCall{symbol: "compile", kind: 3})
		t.Logf("%v answers %d", ok, v)
		return
	}
	const source = fakeNVRTC
	builtins := func(n string) string { return "int which(void) { return " + n + "; }" }
	for _, c := range []struct {
		name  string
		files map[string]string // source by file below the folder
		link  [2]string         // from, to
		want  string
	}{
		{"a wheel", map[string]string{"nvidia/cu13/lib/libnvrtc.so.13": source, "nvidia/cu13/lib/libnvrtc-builtins.so.13.0": builtins("7")}, [2]string{}, "answers 7"},
		{"two versions beside it", map[string]string{"libnvrtc.so.13": source, "libnvrtc-builtins.so.13.0": builtins("7"), "libnvrtc-builtins.so.13.5": builtins("8"),
			"libnvrtc-builtins.so.12.9": builtins("9")}, [2]string{}, "answers 7"},
		{"a link to another folder", map[string]string{"toolkit/libnvrtc.so.13.0.88": source, "toolkit/libnvrtc-builtins.so.13.0": builtins("7")},
			[2]string{"libnvrtc.so.13", "toolkit/libnvrtc.so.13.0.88"}, "answers 7"},
		{"another version only", map[string]string{"libnvrtc.so.13": source, "libnvrtc-builtins.so.13.5": builtins("8")}, [2]string{}, "answers -1"},
		{"none", map[string]string{"libnvrtc.so.13": source}, [2]string{}, "answers -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for file, source := range c.files {
				library(t, filepath.Join(dir, file), source)
			}
			if c.link[0] != "" {
				if err := os.Symlink(c.link[1], filepath.Join(dir, c.link[0])); err != nil {
					t.Fatal(err)
				}
			}
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			child := exec.Command(exe, "-test.run=^TestBuiltins$", "-test.v")
			child.Env = append(os.Environ(), "SHAKE_TEST_BUILTINS=1", PathVariable+"="+dir)
			out, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%v, want %q:\n%s", err, c.want, out)
			}
		})
	}
}
