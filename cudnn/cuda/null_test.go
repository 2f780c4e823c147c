package cuda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"shake/csrc/emu"
	"shake/csrc/load"
)

// The null driver (testdata/null) does nothing and reports success, or fails as an environment
// variable tells it to. It tests this package's reaction to a driver's answers. A process can open
// one driver only, so each test that needs one runs in a process of its own.

// buildNull compiles the null driver into a folder; macros may say -DSK_NULL_OLD.
func buildNull(tb testing.TB, dir string, macros ...string) {
	tb.Helper()
	buildC(tb, filepath.Join(dir, "libcuda.so.1"), "testdata/null/*.c", macros...)
}

// buildNullNVRTC compiles the null compiler as NVRTC of a major version.
func buildNullNVRTC(tb testing.TB, dir string, major int) {
	tb.Helper()
	buildC(tb, fmt.Sprintf("%s/libnvrtc.so.%d", dir, major), "testdata/nullnvrtc/*.c", fmt.Sprintf("-DSK_NULL_MAJOR=%d", major))
}

func buildC(tb testing.TB, path, pattern string, macros ...string) {
	tb.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		tb.Skipf("no C compiler to make %s with: %v", filepath.Base(path), err)
	}
	sources, err := filepath.Glob(pattern)
	if err != nil || len(sources) == 0 {
		tb.Skipf("no %s here to make %s of", pattern, filepath.Base(path))
	}
	args := append([]string{"-shared", "-fPIC", "-O1", "-Wall", "-I", "../../csrc/load", "-o", path, "-Wl,-soname," + filepath.Base(path)}, macros...)
	if out, err := exec.Command(cc, append(args, sources...)...).CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
}

const childVariable = "SK_TEST_CHILD"

// child runs the test again in a process of its own with the given environment. It returns true in
// that process.
func child(t *testing.T, dir string, env ...string) bool {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var levels []string
	for _, part := range strings.Split(t.Name(), "/") {
		levels = append(levels, "^"+part+"$")
	}
	c := exec.Command(exe, "-test.run="+strings.Join(levels, "/"), "-test.v")
	c.Env = append(os.Environ(), append(env, childVariable+"="+t.Name(), load.PathVariable+"="+dir)...)
	out, err := c.CombinedOutput()
	if err == nil && strings.Contains(string(out), "--- SKIP: "+t.Name()) {
		t.Skipf("%s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	return false
}

// inChild says whether child started this process.
func inChild(t *testing.T) bool { return os.Getenv(childVariable) == t.Name() }

// onNull runs the rest of a test on the null driver: it returns false in the parent.
func onNull(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return true
	}
	nullOnce.Do(func() {
		if dir, err := os.MkdirTemp("", "null-driver-"); err == nil {
			nullDir = dir
			buildNull(t, dir)
		}
	})
	if nullDir == "" {
		t.Skip("the null driver was not built")
	}
	return child(t, nullDir, env...)
}

// nullDir holds the null driver as most tests want it, built once.
var (
	nullOnce sync.Once
	nullDir  string
)

func TestMain(m *testing.M) {
	// The examples run on the emulator. Tests that need a driver are children, with a driver of
	// their own.
	run := emu.Run
	if os.Getenv(childVariable) != "" {
		run = (*testing.M).Run
	}
	code := run(m)
	if nullDir != "" {
		os.RemoveAll(nullDir)
	}
	os.Exit(code)
}

// current returns the first device's context, current on this thread for the length of the test.
func current(tb testing.TB) *Context {
	tb.Helper()
	runtime.LockOSThread()
	tb.Cleanup(runtime.UnlockOSThread)
	ds, err := Devices()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, err := ds[0].Primary()
	if err != nil {
		tb.Fatal(err)
	}
	if err := ctx.SetCurrent(); err != nil {
		tb.Fatal(err)
	}
	return ctx
}

// must returns v, and panics if err is not nil.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
