package nccl

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"shake/csrc/load"
)

// TestRealNCCL calls NVIDIA's own library, from the wheels in the folder that SHAKE_NVIDIA names,
// as far as it goes without a card.
func TestRealNCCL(t *testing.T) {
	root := os.Getenv("SHAKE_NVIDIA")
	if root == "" {
		t.Skip("SHAKE_NVIDIA names no folder of NVIDIA's wheels, so the real NCCL was not tried")
	}
	if os.Getenv("SK_TEST_CHILD") == "" { // a process opens one NCCL only
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(exe, "-test.run=^TestRealNCCL$", "-test.v")
		c.Env = append(os.Environ(), "SK_TEST_CHILD=1", load.PathVariable+"="+root)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestRealNCCL") {
			t.Errorf("%v\n%s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	v, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	path, _ := load.Status(load.NCCL)
	t.Logf("NCCL %s, %s", v, path)
	if !strings.HasPrefix(path, root) || !strings.HasPrefix(v, "2.") {
		t.Errorf("opened %s, version %s", path, v)
	}
	a, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewID()
	if err != nil || a == b || a == (ID{}) {
		t.Errorf("two ids: %v, equal: %v", err, a == b)
	}
	for s := ErrUnhandledCUDA; s <= inProgress; s++ {
		if text := cErrorString(s); text == "" || text == cErrorString(1000) {
			t.Errorf("%v has no text of its own: %q", s, text)
		}
	}
	// Without a card there is no communicator: the library says so.
	if h, s := cInit(a, Config{World: 1}); s == 0 && h != 0 {
		if _, err := (&Comm{handle: h}).state("init"); err == nil {
			t.Error("a communicator without a card")
		}
	} else if err := failed("New", s, lastError(0, s)); !errors.Is(err, ErrUnhandledCUDA) && !errors.Is(err, ErrSystem) {
		t.Errorf("no card: %v", err)
	} else {
		t.Log(err)
	}
}
