package gpustat

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"shake/csrc/emu"
)

// standIn is the emulated libnvidia-ml.so.1; old is the same with the functions of drivers before
// R510. Both are "" without a C++ compiler.
var standIn, old string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	folder, err := emu.Library("nvml")
	if errors.Is(err, emu.ErrNoCompiler) {
		return m.Run(), nil
	}
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "shake-nvml")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	standIn, old = filepath.Join(folder, "libnvidia-ml.so.1"), filepath.Join(dir, "libnvidia-ml.so.1")
	sources, err := filepath.Glob("../../csrc/emu/nvml/*.cc")
	if err != nil {
		return 0, err
	}
	args := append([]string{"-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", "-DSK_NVML_OLD", "-o", old}, sources...)
	if text, err := exec.Command(cmp.Or(os.Getenv("CXX"), "c++"), args...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, text)
	}
	return m.Run(), nil
}

// open opens the stand-in with settings (see csrc/emu/nvml/settings.h). set replaces the settings
// later.
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
		t.Skip("no C++ compiler to build the stand-in for NVML with")
	}
	file := filepath.Join(t.TempDir(), "settings")
	set = func(s string) {
		t.Helper()
		// A rename puts the file in place whole: the library may read it at any time.
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
