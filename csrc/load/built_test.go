package load

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestFitsDriver: a cuDNN that was built for a later major version of CUDA than the driver's is
// refused with its remedy; everything else fits.
func TestFitsDriver(t *testing.T) {
	for _, c := range []struct {
		built  int
		driver string
		fits   bool
	}{{13000, "12.4", false}, {13020, "13.0", true}, {12090, "12.4", true}, {12090, "13.1", true}, {13000, "", true}} {
		dir := t.TempDir()
		library(t, filepath.Join(dir, "libcudnn.so.9"), fmt.Sprintf("unsigned long cudnnGetCudartVersion(void) { return %d; }", c.built))
		t.Setenv(PathVariable, dir)
		err := FitsDriver(CUDNN, c.driver)
		var wrong *BuildError
		if c.fits != (err == nil) || !c.fits && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), "pip install nvidia-cudnn-cu12") || !strings.Contains(err.Error(), dir)) {
			t.Errorf("built for %d, driver %q: %v", c.built, c.driver, err)
		}
	}
	t.Setenv(PathVariable, t.TempDir())
	if err := FitsDriver(NVRTC, "12.4"); err != nil {
		t.Errorf("NVRTC does not tell, and is refused: %v", err)
	}
}

// TestCheckBuild: Check refuses such a cuDNN beside libraries of good versions.
func TestCheckBuild(t *testing.T) {
	dir := t.TempDir()
	library(t, filepath.Join(dir, "libcuda.so.1"), "int cuDriverGetVersion(int *v) { *v = 12040; return 0; }")
	library(t, filepath.Join(dir, "libnvrtc.so.12"), "int nvrtcVersion(int *a, int *b) { *a = 12; *b = 4; return 0; }")
	library(t, filepath.Join(dir, "libcudnn.so.9"), "unsigned long cudnnGetVersion(void) { return 91900; } unsigned long cudnnGetCudartVersion(void) { return 13000; }")
	t.Setenv(PathVariable, dir)
	var wrong *BuildError
	if err := Check(false); !errors.As(err, &wrong) || wrong.Built != "13.0" || wrong.Driver != "12.4" {
		t.Errorf("have %v", err)
	}
}
