package cuda_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
)

// wheels returns the folder of NVIDIA's wheels that SHAKE_NVIDIA names, in a process that opens its
// libraries. A process opens libraries once, so the first call runs the test again in a child, with
// the same verdict, and returns "". Without the variable the test is skipped.
func wheels(t *testing.T) string {
	t.Helper()
	root := os.Getenv("SHAKE_NVIDIA")
	if root == "" {
		t.Skip("SHAKE_NVIDIA names no folder of NVIDIA's wheels, so NVIDIA's compiler was not tried")
	}
	if os.Getenv("SHAKE_LIBRARY_PATH") == root {
		return root
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=3h")
	c.Env = append(os.Environ(), "SHAKE_LIBRARY_PATH="+root)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	return ""
}

// limits are the most registers, and the most bytes of spilled ones, of a kernel's thread.
type limits struct{ registers, spill int }

// compile compiles a kernel and holds it to limits. It returns the machine code, nil after a
// failure, and the registers. The compiler may warn only of parts that a specialisation leaves
// unused.
func compile(t *testing.T, name string, k *kernels.Kernel, arch string, most limits) (image []byte, used int) {
	text, options, entry := k.Source()
	b, err := cuda.Compile(text, entry+".cu", append(options, "--gpu-architecture="+arch, "--ptxas-options=-v"))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return nil, 0
	}
	m := registers.FindStringSubmatch(b.Log)
	if m == nil {
		t.Errorf("%s: no count of registers in %q", name, b.Log)
		return nil, 0
	}
	used, _ = strconv.Atoi(m[1])
	if used > most.registers {
		t.Errorf("%s: %d registers, want at most %d", name, used, most.registers)
	}
	for _, s := range spills.FindAllStringSubmatch(b.Log, -1) {
		if bytes, _ := strconv.Atoi(s[1]); bytes > most.spill {
			t.Errorf("%s: %s", name, s[0])
		}
	}
	for _, w := range wasteful.FindAllString(b.Log, -1) {
		if !strings.Contains(w, "never referenced") && !strings.Contains(w, "not reachable") && !strings.Contains(w, "pointless comparison") {
			t.Errorf("%s: %s", name, w)
		}
	}
	return b.Image, used
}
