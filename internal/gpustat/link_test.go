package gpustat

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNoUndefinedNames holds this test program, which has go-nvml in it, to what the linker does not check any more: that nothing is left undefined, and that it
// starts where the loader binds every name at once.
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
	out, _ := exec.Command(ldd, "-r", self).CombinedOutput() // it fails for a static program, which has none
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "undefined symbol") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
