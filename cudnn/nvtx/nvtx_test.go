package nvtx_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn/nvtx"
)

// A tool is attached once in a process, so that each case is a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("NVTX_CHILD") == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	tool, err := nvtx.Attach("a test")
	outer, inner := nvtx.Register("step"), nvtx.Register("conv1")
	outer.Push()
	inner.Push()
	inner.Pop()
	outer.Pop()
	nvtx.Range{}.Push()
	nvtx.Range{}.Pop()
	again, _ := nvtx.Attach("another")
	fmt.Printf("tool %v, again %v, %v", tool, again, err)
	os.Exit(0)
}

// say runs this program with a tool's library.
func say(t *testing.T, tool, record string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), "NVTX_CHILD=1", nvtx.Variable+"="+tool, "SHAKE_EMU_NVTX="+record)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// Ranges reach the tool with their names, nested, in the program's domain.
func TestRanges(t *testing.T) {
	folder, err := emu.Library("nvtx")
	if errors.Is(err, emu.ErrNoCompiler) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(t.TempDir(), "record")
	if have := say(t, filepath.Join(folder, "libnvtx-record.so"), record); have != "tool true, again true, <nil>" {
		t.Error(have)
	}
	b, err := os.ReadFile(record)
	want := "push a test: step\npush a test: step > conv1\npop a test: conv1\npop a test: step\n"
	if err != nil || string(b) != want {
		t.Errorf("%v, have\n%s\nwant\n%s", err, b, want)
	}
	if have := say(t, filepath.Join(folder, "libnvtx-record.so"), ""); !strings.Contains(have, "tool false, again false, nvtx: no ranges are recorded: the tool in ") {
		t.Errorf("a tool that does not start: %s", have)
	}
}

// Without a tool nothing is called; one that cannot be used is an error with its remedy.
func TestNoTool(t *testing.T) {
	for _, none := range []string{"", "./."} {
		if have := say(t, none, ""); have != "tool false, again false, <nil>" {
			t.Errorf("%q: %s", none, have)
		}
	}
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ tool, want string }{
		{"/does/not/exist.so", "cannot open shared object file"},
		{text, "text.so"},
		{"libm.so.6", "libm.so.6 has no InitializeInjectionNvtx2: it is no tool for NVTX"},
	} {
		if have := say(t, c.tool, ""); !strings.Contains(have, "tool false") || !strings.Contains(have, c.want) || !strings.Contains(have, "NVTX_INJECTION64_PATH names the profiler's library") {
			t.Errorf("%s: %s", c.tool, have)
		}
	}
}
