package gpustat

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// standIn is the emulated libnvidia-ml.so.1; old is one as drivers before R510 have it. Both "" without a C++ compiler.
var standIn, old string

func TestMain(m *testing.M) { os.Exit(main(m)) }

func main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "shake-nvml")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if cxx, err := exec.LookPath("c++"); err == nil {
		sources, _ := filepath.Glob("../../csrc/emu/nvml/*.cc")
		build := func(name string, flags ...string) string {
			out := filepath.Join(dir, name)
			if err := os.Mkdir(out, 0o777); err != nil {
				panic(err)
			}
			out = filepath.Join(out, "libnvidia-ml.so.1")
			args := append([]string{"-std=c++17", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", "-o", out}, flags...)
			if text, err := exec.Command(cxx, append(args, sources...)...).CombinedOutput(); err != nil {
				panic(string(text))
			}
			return out
		}
		standIn, old = build("new"), build("old", "-DSK_NVML_OLD")
	}
	return m.Run()
}

// open opens the stand-in with settings (see csrc/emu/nvml/settings.h), which set replaces later on.
func open(t *testing.T, library, settings string) (d *Driver, set func(string)) {
	t.Helper()
	set = prepare(t, settings)
	d, err := Open(library)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, set
}

// prepare sets the stand-in's settings before it is opened.
func prepare(t *testing.T, settings string) (set func(string)) {
	t.Helper()
	if standIn == "" {
		t.Skip("no C++ compiler called c++ to build the stand-in for NVML with")
	}
	file := filepath.Join(t.TempDir(), "settings")
	set = func(s string) {
		t.Helper()
		// Renamed into place: the library reads it at any time.
		if err := os.WriteFile(file+".new", []byte(s), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	set(settings)
	t.Setenv("SHAKE_EMU_NVML", "@"+file)
	return set
}
