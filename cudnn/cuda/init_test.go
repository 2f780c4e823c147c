package cuda

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"shake/csrc/load"
)

// TestNoDriver covers machines without a driver, or with an unusable one.
func TestNoDriver(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler to make libraries with")
	}
	text := func(name, s string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(dir+"/"+name, []byte(s), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		build func(t *testing.T, dir string) // nil: the null driver
		env   []string
		check func(error) bool
		want  []string
	}{
		{"damaged", text("libcuda.so.1", "not a library"), nil, func(err error) bool {
			var e *load.OpenError
			return errors.As(err, &e)
		}, []string{"libcuda.so.1", "not a whole shared library", "install NVIDIA's driver"}},
		{"lacks functions", func(t *testing.T, dir string) {
			c := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", dir+"/libcuda.so.1")
			c.Stdin = strings.NewReader("int cuInit(unsigned f) { return f; } int cuDriverGetVersion(int *v) { *v = 10020; return 0; }")
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}, nil, func(err error) bool {
			var e *load.SymbolError
			return errors.As(err, &e)
		}, []string{"lacks", "too old", "install NVIDIA's driver"}},
		{"old", nil, []string{"SK_NULL_VERSION=11080"}, func(err error) bool {
			var e *DriverTooOldError
			return errors.As(err, &e) && e.Major == 11 && e.Minor == 8
		}, []string{"CUDA 11.8", "12.0 is needed", "525"}},
		{"no card", nil, []string{"SK_NULL_cuInit=100"}, is(ErrNoDevice), []string{"Init", "nvidia-smi", "CUDA_VISIBLE_DEVICES"}},
		{"no card in the list", nil, []string{"SK_NULL_DEVICES=0"}, is(ErrNoDevice), []string{"nvidia-smi"}},
		{"stub", nil, []string{"SK_NULL_cuInit=34"}, is(ErrStubLibrary), []string{"stub", "LD_LIBRARY_PATH"}},
		{"module of another version", nil, []string{"SK_NULL_cuInit=803"}, is(ErrDriverMismatch), []string{"reboot"}},
		{"no device files", nil, []string{"SK_NULL_cuInit=304"}, is(Status(304)), []string{"/dev/nvidia0"}},
		{"a device fails", nil, []string{"SK_NULL_cuDeviceGetName=999"}, is(ErrUnknown), []string{"name of device 0"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			if c.build == nil {
				if !onNull(t, c.env...) {
					return
				}
			} else {
				dir := t.TempDir()
				if !inChild(t) {
					c.build(t, dir)
				}
				if !child(t, dir, c.env...) {
					return
				}
			}
			_, err := Devices()
			if err == nil || !c.check(err) {
				t.Fatalf("have %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			_, again := Devices()
			if again == nil || again.Error() != err.Error() {
				t.Errorf("the second time %v, the first time %v", again, err)
			}
		})
	}
}

func is(target error) func(error) bool {
	return func(err error) bool {
		var e *Error
		return errors.As(err, &e) && errors.Is(err, target)
	}
}

// TestMissingDriver searches a folder without libraries. An installed driver is found, whatever the
// folder.
func TestMissingDriver(t *testing.T) {
	if !child(t, t.TempDir()) {
		return
	}
	err := Init()
	if len(load.Candidates(load.CUDA)) > 0 || err == nil {
		t.Skip("this machine has a driver")
	}
	var missing *load.NotFoundError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "libcuda.so.1") || !strings.Contains(err.Error(), os.Getenv(load.PathVariable)) {
		t.Errorf("have %v, want a *load.NotFoundError with the file and the folder", err)
	}
	dir := t.TempDir()
	buildNull(t, dir)
	t.Setenv(load.PathVariable, dir)
	if err := Init(); err != nil {
		t.Errorf("the driver is there now, yet %v", err)
	}
}

func TestDevices(t *testing.T) {
	if !onNull(t) {
		return
	}
	ds, err := Devices()
	if err != nil || len(ds) != 2 {
		t.Fatalf("have %v, %v", ds, err)
	}
	d := ds[1]
	major, minor := d.ComputeCapability()
	if d.Ordinal() != 1 || d.Name() != "Null" || major != 9 || minor != 0 || d.Arch() != "sm_90" || d.SMs() != 132 || d.Memory() != 80<<30 ||
		d.PCIBusID() != "0000:01:00.0" || d.UUID() != "GPU-01020304-0506-0708-090a-0b0c0d0e0f10" {
		t.Errorf("have %+v, %s", d, d.UUID())
	}
	if v, err := d.Attribute(WarpSize); err != nil || v != 132 {
		t.Errorf("attribute: have %d, %v", v, err)
	}
	if major, minor, err := DriverVersion(); major != 13 || minor != 0 || err != nil {
		t.Errorf("driver version %d.%d, %v", major, minor, err)
	}
}
