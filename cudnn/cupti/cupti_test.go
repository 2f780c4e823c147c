package cupti_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/csrc/load"
	"shake/cudnn/cuda"
	"shake/cudnn/cupti"
)

func TestMain(m *testing.M) { emu.Main(m) }

// must is a value without an error; the test ends with one.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const text = `extern "C" __global__ void one(float *x) { x[threadIdx.x] += 1; }
extern "C" __global__ void two(float *x) { x[threadIdx.x] += 2; }`

// Kernels are recorded with their names, shapes and marks, by themselves and inside a graph, and
// none outside of Start and Stop.
func TestRecord(t *testing.T) {
	emu.Require(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	device := must(cuda.Devices())[0]
	ctx := must(device.Primary())
	defer ctx.Close()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(ctx.SetCurrent())
	s := must(ctx.NewStream())
	x := must(ctx.Alloc(256))
	binary := must(cuda.Compile(text, "kernels.cu", []string{"--gpu-architecture=" + device.Arch()}))
	module := must(ctx.LoadModule(binary.Image))
	call := func(name string, grid uint32) *cuda.Call {
		return must(must(module.Function(name)).NewCall(cuda.Launch{Grid: [3]uint32{grid}, Block: [3]uint32{32}}, x.Ptr()))
	}
	one, two := call("one", 1), call("two", 3)
	check(one.Run(s))
	check(s.Synchronize())

	r := must(cupti.Start())
	if _, err := cupti.Start(); err == nil || !strings.Contains(err.Error(), "has a Recorder already") {
		t.Errorf("a second recorder: %v", err)
	}
	check(errors.Join(r.Push(7), one.Run(s), r.Push(8), two.Run(s), r.Pop(), r.Pop(), two.Run(s), s.Synchronize()))
	check(s.BeginCapture(cuda.CaptureThreadLocal))
	check(errors.Join(two.Run(s), one.Run(s)))
	g := must(s.EndCapture())
	replay := must(g.Instantiate())
	check(errors.Join(replay.Launch(s), replay.Launch(s), s.Synchronize()))
	ks := must(r.Stop())
	check(errors.Join(one.Run(s), s.Synchronize()))
	if again, err := r.Stop(); again != nil || err != nil {
		t.Errorf("stopped twice: %v, %v", again, err)
	}
	var have []string
	calls := map[uint32]int{}
	for i, k := range ks {
		where := "alone"
		if k.Graph != 0 || k.Node != 0 {
			where = "graph"
			calls[k.Call]++
		}
		have = append(have, strings.Join([]string{k.Name, where, string(rune('0' + k.Mark)), string(rune('0' + k.Grid[0]))}, " "))
		if k.End < k.Start || k.Block != [3]int32{32, 1, 1} || i > 0 && k.Start < ks[i-1].Start {
			t.Errorf("%+v", k)
		}
	}
	if s := strings.Join(have, ", "); s != "one alone 7 1, two alone 8 3, two alone 0 3, two graph 0 3, one graph 0 1, two graph 0 3, one graph 0 1" {
		t.Errorf("have %s", s)
	}
	if len(calls) != 2 {
		t.Errorf("the graph's kernels are of the calls %v, want two of two each", calls)
	}
	r = must(cupti.Start())
	check(errors.Join(one.Run(s), s.Synchronize()))
	if ks := must(r.Stop()); len(ks) != 1 || ks[0].Name != "one" {
		t.Errorf("a second recording: %+v", ks)
	}
	check(errors.Join(replay.Close(), g.Close(), one.Close(), two.Close(), module.Close(), x.Close(), s.Close()))
}

// A nil or stopped Recorder records nothing and refuses nothing.
func TestNil(t *testing.T) {
	for _, r := range []*cupti.Recorder{nil, {}} {
		ks, err := r.Stop()
		if err := errors.Join(err, r.Push(1), r.Pop()); err != nil || ks != nil {
			t.Errorf("%v, %v", ks, err)
		}
	}
}

func TestOtherProfiler(t *testing.T) {
	emu.Only(t)
	t.Setenv("SHAKE_EMU_CUPTI", "enable=39")
	var e *cupti.Error
	if _, err := cupti.Start(); !errors.As(err, &e) || e.Status != 39 || !strings.Contains(err.Error(), "another profiler records this process") {
		t.Errorf("have %v", err)
	}
	t.Setenv("SHAKE_EMU_CUPTI", "enable=35")
	if _, err := cupti.Start(); err == nil || !strings.Contains(err.Error(), "NVreg_RestrictProfilingToAdminUsers") {
		t.Errorf("have %v", err)
	}
}

// TestRealCUPTI calls NVIDIA's own library, from the wheels in the folder that SHAKE_NVIDIA names,
// as far as it goes without a card.
func TestRealCUPTI(t *testing.T) {
	root := os.Getenv("SHAKE_NVIDIA")
	if root == "" {
		t.Skip("SHAKE_NVIDIA names no folder of NVIDIA's wheels, so the real CUPTI was not tried")
	}
	if os.Getenv("SK_TEST_CHILD") == "" {
		exe := must(os.Executable())
		c := exec.Command(exe, "-test.run=^TestRealCUPTI$", "-test.v")
		c.Env = append(os.Environ(), "SK_TEST_CHILD=1", load.PathVariable+"="+root)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestRealCUPTI") {
			t.Errorf("%v\n%s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	v, err := cupti.Version()
	if err != nil {
		t.Fatal(err)
	}
	path, _ := load.Status(load.CUPTI)
	t.Logf("CUPTI %s, %s", v, path)
	r, err := cupti.Start()
	// From CUDA 13.5 on the library says its version only beside a driver.
	if !strings.HasPrefix(path, root) || v == "" && err == nil {
		t.Errorf("opened %s, version %q", path, v)
	}
	var e *cupti.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("without a card: %v", err)
	}
	t.Logf("without a card: %v", err)
	if r != nil {
		if ks, err := r.Stop(); len(ks) != 0 {
			t.Errorf("kernels without a card: %v, %v", ks, err)
		}
	}
}
