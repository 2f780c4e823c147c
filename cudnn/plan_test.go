package cudnn_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"shake/csrc/load"
	"shake/cudnn"
	"shake/cudnn/cuda"
)

// small is a convolution with its tensors, ready to run.
func (c *card) small(o ...cudnn.Option) (p *cudnn.Plan, work cuda.Ptr, x, w, y *tensor) {
	c.t.Helper()
	xd, wd := cudnn.NHWC(2, 8, 4, 4, f32), cudnn.NHWC(8, 8, 3, 3, f32)
	r := rand.New(rand.NewPCG(1, 1))
	x, w, y = c.put(xd, random(r, xd.Elements())), c.put(wd, random(r, wd.Elements())), c.put(xd, zeros(xd))
	p, err := c.h.ConvForward(xd, wd, xd, cudnn.ConvDesc{Pad: [2]int{1, 1}}, o...)
	if err != nil {
		c.t.Fatal(err)
	}
	return p, c.work(p), x, w, y
}

// TestMisuse makes mistakes with a card.
func TestMisuse(t *testing.T) {
	c := open(t)
	p, work, x, w, y := c.small()
	elsewhere := func(f func() error) error {
		answer := make(chan error)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			answer <- f()
		}()
		return <-answer
	}
	run := func() error { return p.Run(work, x.ptr(), w.ptr(), y.ptr()) }
	other, err := c.ctx.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		name string
		do   func() error
		want error
	}{
		{"a good run", run, nil},
		{"too few pointers", func() error { return p.Run(work, x.ptr(), w.ptr()) }, cudnn.ErrInvalid},
		{"no pointer", func() error { return p.Run(work, x.ptr(), 0, y.ptr()) }, cudnn.ErrInvalid},
		{"a misaligned pointer", func() error { return p.Run(work, x.ptr()+4, w.ptr(), y.ptr()) }, cudnn.ErrInvalid},
		{"a good run after bad ones", run, nil},
		{"a run on another thread", func() error { return elsewhere(run) }, cudnn.ErrThread},
		{"planning on another thread", func() error {
			return elsewhere(func() error {
				_, err := c.h.Plan(cudnn.AddTensorGraph(x.TensorDesc, x.TensorDesc, x.TensorDesc))
				return err
			})
		}, cudnn.ErrThread},
		{"closing the plan on another thread", func() error { return elsewhere(p.Close) }, cudnn.ErrThread},
		{"no stream", func() error { return c.h.SetStream(nil) }, cudnn.ErrInvalid},
		{"another stream", func() error { return c.h.SetStream(other) }, nil},
		{"closing that stream", other.Close, nil},
		{"a run on a closed stream", run, cudnn.ErrClosed},
		{"the closed stream again", func() error { return c.h.SetStream(other) }, cudnn.ErrInvalid},
		{"the first stream", func() error { return c.h.SetStream(c.s) }, nil},
		{"a run on that", run, nil},
		{"timing nothing", func() error { _, err := c.h.Autotune(nil, work); return err }, cudnn.ErrInvalid},
		{"timing with too few pointers", func() error { _, err := c.h.Autotune([]*cudnn.Plan{p}, work, x.ptr()); return err }, cudnn.ErrInvalid},
		{"closing the handle too early", c.h.Close, cudnn.ErrInvalid},
		{"closing the plan", p.Close, nil},
		{"a run then", run, cudnn.ErrClosed},
	} {
		if err := m.do(); !errors.Is(err, m.want) {
			t.Errorf("%s: have %v, want %v", m.name, err, m.want)
		}
	}
	c.check(c.s.Synchronize())
}

// TestRunDoesNotAllocate covers constant pointers and pointers that change from run to run.
func TestRunDoesNotAllocate(t *testing.T) {
	c := open(t)
	p, work, x, w, y := c.small()
	defer func() { c.check(p.Close()) }()
	z := c.put(y.TensorDesc, zeros(y.TensorDesc))
	if n := testing.AllocsPerRun(20, func() {
		c.check(p.Run(work, x.ptr(), w.ptr(), y.ptr()))
		c.check(p.Run(work, x.ptr(), w.ptr(), z.ptr()))
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
	c.check(c.s.Synchronize())
}

// TestAutotune times the candidates. From then on the cache returns the fastest.
func TestAutotune(t *testing.T) {
	c := open(t)
	cache, err := cudnn.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c.h.UseCache(cache)
	xd, wd := cudnn.NHWC(2, 8, 4, 4, f32), cudnn.NHWC(8, 8, 3, 3, f32)
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}, Compute: cudnn.TF32}
	plans, err := c.h.ConvForwardPlans(xd, wd, xd, conv)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	x, w, y := c.put(xd, random(r, xd.Elements())), c.put(wd, random(r, wd.Elements())), c.put(xd, zeros(xd))
	largest := plans[0]
	for _, p := range plans {
		if p.Workspace() > largest.Workspace() {
			largest = p
		}
	}
	waits := 0
	c.h.SetWait(func(e *cuda.Event) error {
		waits++
		return e.Synchronize()
	})
	timings, err := c.h.Autotune(plans, c.work(largest), x.ptr(), w.ptr(), y.ptr())
	if err != nil {
		t.Fatal(err)
	}
	if waits < 5*len(plans) {
		t.Errorf("%d plans are timed with %d waits", len(plans), waits)
	}
	if len(timings) != len(plans) || len(plans) < 2 {
		t.Errorf("%d timings of %d plans", len(timings), len(plans))
	}
	for i, tm := range timings {
		t.Logf("%v %s %v", tm.Time, tm.Plan.Engine(), tm.Err)
		if i > 0 && tm.Time < timings[i-1].Time || tm.Err == nil && tm.Time <= 0 {
			t.Errorf("timing %d: %v after %v", i, tm.Time, timings[i-1].Time)
		}
	}
	again, err := c.h.ConvForward(xd, wd, xd, conv)
	if err != nil {
		t.Fatal(err)
	}
	if have, want := again.String(), timings[0].Plan.String(); have != want {
		t.Errorf("have %s, want %s", have, want)
	}
	for _, p := range append(plans, again) {
		c.check(p.Close())
	}
}

// TestWrongVersion: cuDNN 8 alone, and a library that says 9 in its name and reports 8, are
// ErrVersion with a remedy.
func TestWrongVersion(t *testing.T) {
	// The child process, which must not have opened another cuDNN
	if dir := os.Getenv("SHAKE_TEST_OLD_CUDNN"); dir != "" {
		os.Setenv("SHAKE_LIBRARY_PATH", dir)
		if found := load.Candidates(load.CUDNN); len(found) > 0 && filepath.Dir(found[0]) != dir {
			t.Skipf("this machine has %s: cuDNN 8 is not alone", found[0])
		}
		_, err := cudnn.Version()
		if !errors.Is(err, cudnn.ErrVersion) || !strings.Contains(err.Error(), "pip install") || !strings.Contains(err.Error(), "8") {
			t.Fatalf("have %v, want ErrVersion", err)
		}
		t.Log(err)
		return
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler to make a library with")
	}
	var source strings.Builder
	source.WriteString("unsigned long cudnnGetVersion(void) { return 8907; }\n")
	for _, name := range []string{"GetCudartVersion", "GetErrorString", "GetLastErrorString", "Create", "Destroy", "SetStream", "BackendCreateDescriptor", "BackendDestroyDescriptor",
		"BackendFinalize", "BackendSetAttribute", "BackendGetAttribute", "BackendExecute", "CreateTensorDescriptor", "DestroyTensorDescriptor", "SetTensorNdDescriptor",
		"SoftmaxForward", "SoftmaxBackward"} {
		source.WriteString("int cudnn" + name + "(void) { return 1; }\n")
	}
	for _, file := range []string{"libcudnn.so.8", "libcudnn.so.9"} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			c := exec.Command(cc, "-shared", "-fPIC", "-x", "c", "-", "-o", filepath.Join(dir, file), "-Wl,-soname,"+file)
			c.Stdin = strings.NewReader(source.String())
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			child := exec.Command(os.Args[0], "-test.run=^TestWrongVersion$", "-test.v")
			child.Env = append(os.Environ(), "SHAKE_TEST_OLD_CUDNN="+dir, "SHAKE_LIBRARY_PATH="+dir)
			out, err := child.CombinedOutput()
			if err == nil && strings.Contains(string(out), "--- SKIP: TestWrongVersion") {
				t.Skipf("%s", out)
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
