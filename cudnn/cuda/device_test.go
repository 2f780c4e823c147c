package cuda

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"shake/csrc/emu"
)

// onDevice runs the rest of a test on the first card under SHAKE_REQUIRE_GPU=1, on the library of
// SHAKE_LIBRARY_PATH if that is set, else on the emulator.
func onDevice(t *testing.T) bool {
	t.Helper()
	folder := os.Getenv(emu.PathVariable)
	if !inChild(t) && os.Getenv(emu.RequireVariable) != "1" && folder == "" {
		var err error
		if folder, err = emu.Build(); errors.Is(err, emu.ErrNoCompiler) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return child(t, folder)
}

// compiled loads a source on the context's device.
func compiled(t *testing.T, ctx *Context, src string, opts ...string) *Module {
	t.Helper()
	b, err := Compile(src, "test.cu", append([]string{"--gpu-architecture=" + ctx.Device().Arch(), "--std=c++17"}, opts...))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ctx.LoadModule(b.Image)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDeviceFacts(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	d := ctx.Device()
	t.Logf("%s, %s, %d SMs, %d MiB, %s, %s", d.Name(), d.Arch(), d.SMs(), d.Memory()>>20, d.PCIBusID(), d.UUID())
	if d.Name() == "" || d.SMs() < 1 || d.Memory() < 1<<20 || !strings.HasPrefix(d.UUID(), "GPU-") || strings.Count(d.PCIBusID(), ":") != 2 {
		t.Errorf("have %+v", d)
	}
	for a, want := range map[DeviceAttribute]int{WarpSize: 32, MaxThreadsPerBlock: 1024, MultiprocessorCount: d.SMs()} {
		if have, err := d.Attribute(a); err != nil || have != want {
			t.Errorf("attribute %d: have %d, %v, want %d", a, have, err, want)
		}
	}
	if _, err := d.Attribute(-1); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("attribute -1: %v", err)
	}
	if !ctx.IsCurrent() || ctx.Handle() == 0 {
		t.Error("the context is not current")
	}
	again := must(d.Primary())
	if again.Handle() != ctx.Handle() {
		t.Error("two primary contexts of a device")
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	least, greatest, err := ctx.StreamPriorities()
	if err != nil || least < greatest {
		t.Errorf("priorities %d to %d, %v", least, greatest, err)
	}
}

func TestDeviceMemory(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	before, total, err := ctx.MemInfo()
	if err != nil || before <= 0 || before > total {
		t.Fatalf("free %d of %d, %v", before, total, err)
	}
	const n = 1 << 20
	a, b := must(ctx.Alloc(64*n)), must(ctx.Alloc(n))
	if free, _, _ := ctx.MemInfo(); before-free < 65*n {
		t.Errorf("free %d before, %d after 65 MiB more", before, free)
	}
	if a.Ptr()%256 != 0 || a.Size() != 64*n {
		t.Errorf("at %#x, %d bytes", a.Ptr(), a.Size())
	}
	want := make([]byte, n)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	have := make([]byte, n)
	pin, back := must(ctx.AllocPinned(n)), must(ctx.AllocPinned(n))
	copy(pin.Bytes(), want)
	for _, c := range []struct {
		name     string
		src, dst []byte
	}{{"pinned", pin.Bytes(), back.Bytes()}, {"Go's", want, have}, {"a part of it", pin.Bytes()[5:99], have[2:96]}} {
		clear(c.dst)
		for _, err := range []error{s.Memset8(a.Ptr(), 0xee, n), s.CopyToDevice(a.Ptr()+3, c.src), s.CopyDevice(b.Ptr(), a.Ptr()+3, int64(len(c.src))), s.CopyToHost(c.dst, b.Ptr()), s.Synchronize()} {
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		if !bytes.Equal(c.src, c.dst) {
			t.Errorf("%s memory came back changed", c.name)
		}
	}
	words := make([]uint32, 4)
	for _, err := range []error{s.Memset32(b.Ptr(), 0xdeadbeef, 4), s.Memset16(b.Ptr()+4, 0x1234, 3), s.Memset8(b.Ptr()+13, 0x77, 2), s.CopyToHost(Bytes(words), b.Ptr())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := []uint32{0xdeadbeef, 0x12341234, 0xdead1234, 0xde7777ef}; !slices.Equal(words, want) {
		t.Errorf("memset: have %x, want %x", words, want)
	}
	for name, err := range map[string]error{"memset": s.Memset8(b.Ptr(), 0, 1<<40), "copy in": s.CopyToDevice(0x10, want), "copy out": s.CopyToHost(have, 0x10), "copy": s.CopyDevice(b.Ptr(), 0x10, 16)} {
		if !errors.Is(err, ErrInvalidValue) {
			t.Errorf("%s outside of memory: %v", name, err)
		}
	}
	_, err = ctx.Alloc(1 << 50)
	var e *OutOfMemoryError
	if !errors.As(err, &e) || e.Want != 1<<50 || e.Free <= 0 || e.Total != total {
		t.Errorf("a petabyte: %v", err)
	}
	for _, m := range []*Memory{a, b} {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if free, _, _ := ctx.MemInfo(); before-free > 4*n {
		t.Errorf("free %d before, %d after all was freed", before, free)
	}
}

const everything = `
extern "C" __global__ void everything(double *out, int a, unsigned b, long long c, unsigned long long d, float e, double f, signed char g, unsigned char h,
                                      bool i, short j, unsigned short k) {
  double v[] = {(double)a, (double)b, (double)c, (double)d, (double)e, f, (double)g, (double)h, i ? 1.0 : 0.0, (double)j, (double)k};
  for (int n = 0; n < 11; n++) out[n] = v[n];
}
`

const several = `
__constant__ float factor[2];
__device__ int counter;
extern "C" __global__ void shared(const float *x, float *y, int n) {
  extern __shared__ float s[];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  s[threadIdx.x] = i < n ? x[i] : 0.f;
  __syncthreads();
  int j = blockDim.x - 1 - threadIdx.x;
  if (i < n) y[i] = factor[0] * s[threadIdx.x] + factor[1] * s[j];
}
extern "C" __global__ void count() { atomicAdd(&counter, 1); }
`

func TestStreamsAndEvents(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	m := compiled(t, ctx, several)
	f := must(m.Function("count"))
	at, _, err := m.Global("counter")
	if err != nil {
		t.Fatal(err)
	}
	call := must(f.NewCall(Launch{Grid: [3]uint32{4}, Block: [3]uint32{64}}))
	a, b := must(ctx.NewStream()), must(ctx.NewStreamPriority(-1))
	start, end, mark := must(ctx.NewEvent(true)), must(ctx.NewEvent(true)), must(ctx.NewEvent(false))
	if err := mark.Query(); err != nil {
		t.Errorf("an event never recorded: %v", err)
	}
	pin := must(ctx.AllocPinned(4))
	for _, err := range []error{a.Memset32(at, 5, 1), start.Record(a), call.Run(a), mark.Record(a), b.Wait(mark), b.CopyToHost(pin.Bytes(), at), end.Record(b), end.Synchronize()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if have := pin.Bytes()[0]; have != 5 || pin.Bytes()[1] != 1 {
		t.Errorf("counted %v, want 5 + 256", pin.Bytes())
	}
	if d, err := end.Since(start); err != nil || d < 0 {
		t.Errorf("elapsed %v, %v", d, err)
	}
	for _, err := range []error{a.Synchronize(), a.Query(), b.Query(), end.Query(), ctx.Synchronize()} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := must(ctx.NewEvent(true)).Since(start); !errors.Is(err, ErrInvalidHandle) {
		t.Errorf("since an event never recorded: %v", err)
	}
}

// TestAnotherThread closes objects on a thread without a current context, and uses a stream on a
// thread where the context is current.
func TestAnotherThread(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	mem, pin, e, m := must(ctx.Alloc(64)), must(ctx.AllocPinned(64)), must(ctx.NewEvent(true)), compiled(t, ctx, several)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, err := ctx.Alloc(1); !errors.Is(err, ErrInvalidContext) {
			t.Errorf("allocating on a thread without a context: %v", err)
		}
		if err := ctx.SetCurrent(); err != nil {
			t.Error(err)
		}
		for _, err := range []error{s.Memset8(mem.Ptr(), 1, 64), s.CopyToHost(pin.Bytes(), mem.Ptr()), s.Synchronize()} {
			if err != nil {
				t.Error(err)
			}
		}
	}()
	<-done
	if pin.Bytes()[63] != 1 {
		t.Error("what another thread queued did not happen")
	}
	done = make(chan struct{})
	go func() {
		defer close(done)
		for _, c := range []interface{ Close() error }{mem, pin, e, m, s} {
			if err := c.Close(); err != nil {
				t.Errorf("%T: %v", c, err)
			}
		}
	}()
	<-done
	if err := ctx.Close(); err != nil {
		t.Error(err)
	}
}

// TestIllegalAddress loses the context.
func TestIllegalAddress(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	mem := must(ctx.Alloc(64))
	f := must(compiled(t, ctx, `extern "C" __global__ void wild(int *p) { *p = 1; }`).Function("wild"))
	call := must(f.NewCall(Launch{Grid: [3]uint32{1}, Block: [3]uint32{1}}, Ptr(16)))
	if err := call.Run(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Synchronize(); !errors.Is(err, ErrIllegalAddress) || !strings.Contains(err.Error(), "compute-sanitizer") {
		t.Errorf("a wild store: %v", err)
	}
	if err := s.Memset8(mem.Ptr(), 0, 1); !errors.Is(err, ErrIllegalAddress) {
		t.Errorf("after it: %v", err)
	}
	mem.Close() // Close cannot succeed, and must not crash
	s.Close()
}
