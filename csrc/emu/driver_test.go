package emu_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn/cuda"
)

// device is a context on one card, current on the test's thread, and a stream.
type device struct {
	*testing.T
	ctx    *cuda.Context
	stream *cuda.Stream
}

func newDevice(t *testing.T, ordinal int) *device {
	t.Helper()
	emu.Only(t)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	c := &device{T: t}
	devices, err := cuda.Devices()
	c.check(err)
	c.ctx, err = devices[ordinal].Primary()
	c.check(err)
	t.Cleanup(func() { c.ctx.Close() })
	c.check(c.ctx.SetCurrent())
	c.stream, err = c.ctx.NewStream()
	c.check(err)
	t.Cleanup(func() { c.stream.Close() })
	return c
}

func (c *device) check(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *device) kernel(text, name string, l cuda.Launch, args ...any) *cuda.Call {
	c.Helper()
	binary, err := cuda.Compile(text, name+".cu", []string{"--gpu-architecture=" + c.ctx.Device().Arch()})
	c.check(err)
	m, err := c.ctx.LoadModule(binary.Image)
	c.check(err)
	f, err := m.Function(name)
	c.check(err)
	call, err := f.NewCall(l, args...)
	c.check(err)
	c.Cleanup(func() { call.Close(); m.Close() })
	return call
}

func (c *device) memory(n int64) *cuda.Memory {
	c.Helper()
	m, err := c.ctx.Alloc(n)
	c.check(err)
	c.Cleanup(func() { m.Close() })
	return m
}

const reverse = `extern "C" __global__ void reverse(const float *x, float *y) {
	__shared__ float s[64];
	s[threadIdx.x] = x[threadIdx.x];
	__syncthreads();
	y[threadIdx.x] = s[63 - threadIdx.x];
}`

// TestStep follows a training step: captured once, launched often, waited for at the end.
func TestStep(t *testing.T) {
	for ordinal := range 2 {
		c := newDevice(t, ordinal)
		x, y := c.memory(256), c.memory(256)
		there := c.kernel(reverse, "reverse", cuda.Launch{Grid: [3]uint32{1}, Block: [3]uint32{64}}, x.Ptr(), y.Ptr())
		back := c.kernel(reverse, "reverse", cuda.Launch{Grid: [3]uint32{1}, Block: [3]uint32{64}}, y.Ptr(), x.Ptr())
		pinned, err := c.ctx.AllocPinned(256)
		c.check(err)
		values := make([]float32, 64)
		for i := range values {
			values[i] = float32(i)
		}
		c.check(c.stream.CopyToDevice(x.Ptr(), cuda.Bytes(values)))
		c.check(c.stream.BeginCapture(cuda.CaptureThreadLocal))
		c.check(there.Run(c.stream))
		c.check(back.Run(c.stream))
		c.check(there.Run(c.stream))
		c.check(c.stream.CopyToHost(pinned.Bytes(), y.Ptr()))
		graph, err := c.stream.EndCapture()
		c.check(err)
		step, err := graph.Instantiate()
		c.check(err)
		emu.Reset()
		for range 10 {
			c.check(step.Launch(c.stream))
		}
		if n := emu.Count("sync") + emu.Count("implicit_sync") + emu.Count("kernel"); n != 0 || emu.Count("graph_launch") != 10 {
			t.Errorf("ten steps: %d waits and kernels done, %d launches, want 0 and 10", n, emu.Count("graph_launch"))
		}
		if b := pinned.Bytes()[:4]; string(b) != "\xff\xff\xff\xff" {
			t.Errorf("read before anybody waited: have % x, want poison", b)
		}
		c.check(c.stream.Synchronize())
		if n := emu.Count("kernel"); n != 30 || emu.Count("sync") != 1 {
			t.Errorf("after waiting: %d kernels and %d waits, want 30 and 1", n, emu.Count("sync"))
		}
		if f := math.Float32frombits(uint32(pinned.Bytes()[2])<<16 | uint32(pinned.Bytes()[3])<<24); f != 63 {
			t.Errorf("first value: have %v, want 63", f)
		}
		c.check(errors.Join(step.Close(), graph.Close(), pinned.Close()))
	}
}

// TestFault has a kernel access memory outside of its own. It checks the error and the emulator's
// explanation, and that the card works again with a new context.
func TestFault(t *testing.T) {
	emu.Only(t)
	emu.With(t, "log=none")
	t.Run("fault", func(t *testing.T) {
		c := newDevice(t, 0)
		x, y := c.memory(256), c.memory(200)
		call := c.kernel(reverse, "reverse", cuda.Launch{Grid: [3]uint32{1}, Block: [3]uint32{64}}, x.Ptr(), y.Ptr())
		c.check(call.Run(c.stream))
		if err := c.stream.Synchronize(); err == nil || !strings.Contains(err.Error(), "ILLEGAL_ADDRESS") {
			t.Errorf("have %v, want an illegal address", err)
		}
		for _, want := range []string{"kernel reverse, thread (", "writes 4 bytes", "behind the end of the 200 bytes of device memory"} {
			if !strings.Contains(emu.Message(), want) {
				t.Errorf("%q does not say %q", emu.Message(), want)
			}
		}
		if _, err := c.ctx.Alloc(16); err == nil {
			t.Error("the context is lost, and yet it allocates")
		}
	})
	c := newDevice(t, 0)
	c.memory(16)
}

// A kernel has checks unless SHAKE_EMU_CHECK or the settings say that it has none; the settings go
// first.
func TestUnchecked(t *testing.T) {
	emu.Only(t)
	for _, c := range []struct {
		variable, settings string
		want               bool
	}{{"", "", true}, {"0", "", false}, {"1", "", true}, {"0", "check=1", true}, {"", "check=0", false}} {
		t.Setenv(emu.CheckVariable, c.variable)
		t.Setenv("SHAKE_EMU_CUDA", c.settings)
		b, err := cuda.Compile("extern \"C\" __global__ void one(float *x) { *x = 1; }", "one.cu", []string{"--gpu-architecture=sm_90"})
		if err != nil {
			t.Fatal(err)
		}
		if have := bytes.Contains(b.Image, []byte("__tsan_write4")); have != c.want {
			t.Errorf("%s=%s, settings %q: checked %v, want %v", emu.CheckVariable, c.variable, c.settings, have, c.want)
		}
	}
}

func TestSmallCard(t *testing.T) {
	emu.Only(t)
	emu.With(t, "memory=1M")
	c := newDevice(t, 0)
	_, err := c.ctx.Alloc(2 << 20)
	var full *cuda.OutOfMemoryError
	if !errors.As(err, &full) {
		t.Errorf("have %v, want *cuda.OutOfMemoryError", err)
	}
}

// TestOtherMachines runs this test program on machines with no card, an old driver, or another kind
// of card.
func TestOtherMachines(t *testing.T) {
	if os.Getenv("SHAKE_EMU_CHILD") != "" {
		devices, err := cuda.Devices()
		t.Logf("devices %d error %v", len(devices), err)
		for _, d := range devices {
			t.Logf("%s %s %d", d.Name(), d.Arch(), d.Memory())
		}
		return
	}
	emu.Only(t)
	for _, c := range []struct{ settings, want string }{
		{"cards=0", "devices 0 error"},
		{"init=803", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"},
		{"cards=1; name=Small; cc=7.5; memory=4G", "Small sm_75 4294967296"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOtherMachines$", "-test.v")
		cmd.Env = append(os.Environ(), "SHAKE_EMU_CHILD=1", "SHAKE_EMU_CUDA="+c.settings)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: want %q, have %v\n%s", c.settings, c.want, err, out)
		}
	}
}
