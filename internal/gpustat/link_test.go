package gpustat

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNoUndefinedNames checks this test program, which contains go-nvml, in place of the linker: no
// name is left undefined, and the program starts where the loader binds every name at once.
func TestNoUndefinedNames(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^$")
	c.Env = append(os.Environ(), "LD_BIND_NOW=1", "PATH=", "CXX=") // without a compiler it is quick
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("with LD_BIND_NOW=1: %v\n%s", err, out)
	}
	ldd, err := exec.LookPath("ldd")
	if err != nil {
		t.Skip("no ldd to look for undefined names with")
	}
	// ldd fails for a static program, which has no undefined names
	out, _ := exec.Command(ldd, "-r", self).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "undefined symbol") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
