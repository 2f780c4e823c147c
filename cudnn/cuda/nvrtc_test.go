package cuda

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"shake/csrc/load"
)

// onNullNVRTC runs the rest of a test on the null compiler, and on a null driver of the given CUDA
// version.
func onNullNVRTC(t *testing.T, driver int, majors ...int) bool {
	t.Helper()
	dir := t.TempDir()
	if !inChild(t) {
		buildNull(t, dir)
		for _, m := range majors {
			buildNullNVRTC(t, dir, m)
		}
	}
	return child(t, dir, fmt.Sprintf("SK_NULL_VERSION=%d", driver))
}

func TestCompile(t *testing.T) {
	if !onNullNVRTC(t, 13000, 13) {
		return
	}
	b, err := Compile("good", "k.cu", nil)
	if err != nil || string(b.Image) != "compiled good" || b.Log != "k.cu(1): warning: compiled by nobody" || b.Cached {
		t.Errorf("have %+v, %v", b, err)
	}
	if b, err := Compile("virtual", "k.cu", []string{"--gpu-architecture=compute_90"}); err != nil || string(b.Image) != "PTX\x00" {
		t.Errorf("PTX: have %+v, %v", b, err)
	}
	for _, c := range []struct {
		name, src string
		opts      []string
		status    int
		want      []string
	}{
		{"mistake", "a mistake", []string{"-DA=1"}, 6, []string{"k.cu", "-DA=1", "NVRTC_ERROR_COMPILATION (6)", "k.cu(1): error: a mistake"}},
		{"architecture", "good", []string{"--gpu-architecture=sm_999"}, 5, []string{"does not know sm_999", "sm_75, sm_90"}},
		{"zero byte", "go\x00od", nil, 3, []string{"zero byte"}},
		{"zero byte in an option", "good", []string{"-D\x00"}, 3, []string{"zero byte"}},
	} {
		_, err := Compile(c.src, "k.cu", c.opts)
		var e *CompileError
		if !errors.As(err, &e) || e.Status != c.status {
			t.Errorf("%s: have %v, want status %d", c.name, err, c.status)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", c.name, err, want)
			}
		}
	}
	if archs, err := NVRTCArchs(); err != nil || !slices.Equal(archs, []int{75, 90}) {
		t.Errorf("architectures: %v, %v", archs, err)
	}
}

// TestTwoNVRTCs takes the NVRTC that the driver's version allows.
func TestTwoNVRTCs(t *testing.T) {
	for _, c := range []struct{ driver, want int }{{12040, 12}, {13000, 13}} {
		t.Run(fmt.Sprint(c.driver), func(t *testing.T) {
			if !onNullNVRTC(t, c.driver, 12, 13) {
				return
			}
			major, _, err := NVRTCVersion()
			path, _ := load.Status(load.NVRTC)
			if err != nil || major != c.want || path != fmt.Sprintf("%s/libnvrtc.so.%d", os.Getenv(load.PathVariable), c.want) {
				t.Errorf("have %d of %s, %v", major, path, err)
			}
			if all := load.Candidates(load.NVRTC); len(all) < 2 {
				t.Errorf("candidates: %v", all)
			}
		})
	}
}

func TestNVRTCTooNew(t *testing.T) {
	if !onNullNVRTC(t, 12040, 13) {
		return
	}
	_, err := Compile("good", "k.cu", nil)
	if err == nil {
		t.Skip("this machine has an NVRTC of CUDA 12")
	}
	for _, want := range []string{"libnvrtc.so.13 is too new", "CUDA 12.4", "nvidia-cuda-nvrtc-cu12"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestNVRTCMissing(t *testing.T) {
	if !onNullNVRTC(t, 13000) {
		return
	}
	if len(load.Candidates(load.NVRTC)) > 0 {
		t.Skip("this machine has an NVRTC")
	}
	_, _, err := NVRTCVersion()
	if err == nil {
		t.Skip("this machine has an NVRTC")
	}
	var missing *load.NotFoundError
	_, cached := KernelCache{t.TempDir()}.Compile("good", "k.cu", nil)
	if !errors.As(err, &missing) || !errors.As(cached, &missing) || !strings.Contains(err.Error(), "pip install nvidia-cuda-nvrtc") {
		t.Errorf("have %v and %v", err, cached)
	}
}

// saxpy has the features that kernels use: several scalar types, shared memory, a constant.
const saxpy = `
__constant__ float bias[4];
extern "C" __global__ void saxpy(const float *x, float *y, float a, unsigned n) {
  __shared__ float s[BLOCK];
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  s[threadIdx.x] = i < n ? x[i] : 0.f;
  __syncthreads();
  if (i < n) y[i] = a * s[threadIdx.x] + y[i] + bias[i & 3];
}
`

// TestRealNVRTC compiles by NVIDIA's own NVRTC, from the wheels in the folder that SHAKE_NVIDIA
// names.
func TestRealNVRTC(t *testing.T) {
	root := os.Getenv("SHAKE_NVIDIA")
	if root == "" {
		t.Skip("SHAKE_NVIDIA names no folder of NVIDIA's wheels, so the real NVRTC was not tried")
	}
	if !child(t, root) {
		return
	}
	major, minor, err := NVRTCVersion()
	if err != nil {
		t.Fatal(err)
	}
	path, _ := load.Status(load.NVRTC)
	t.Logf("NVRTC %d.%d, %s", major, minor, path)
	if !strings.HasPrefix(path, root) {
		t.Errorf("opened %s, not below %s", path, root)
	}
	archs, err := NVRTCArchs()
	if err != nil || !slices.Contains(archs, 75) || !slices.Contains(archs, 90) {
		t.Fatalf("architectures %v, %v", archs, err)
	}
	for _, arch := range archs {
		b, err := Compile(saxpy, "saxpy.cu", []string{fmt.Sprintf("--gpu-architecture=sm_%d", arch), "--std=c++17", "-DBLOCK=256", "--fmad=false", "-lineinfo"})
		if err != nil {
			t.Errorf("sm_%d: %v", arch, err)
			continue
		}
		e, err := elf.NewFile(bytes.NewReader(plainELF(b.Image)))
		if err != nil || e.Machine != elf.Machine(190) || e.Section(".text.saxpy") == nil {
			t.Errorf("sm_%d: no cubin with the kernel: %v", arch, err)
		}
		if reason := checkImage(b.Image); reason != "" {
			t.Errorf("sm_%d: %s", arch, reason)
		}
		if reason := checkImage(b.Image[:len(b.Image)/2]); reason == "" {
			t.Errorf("sm_%d: half a cubin passes", arch)
		}
	}
	if b, err := Compile(saxpy, "saxpy.cu", []string{"--gpu-architecture=compute_90", "-DBLOCK=32"}); err != nil || !bytes.Contains(b.Image, []byte(".target sm_90")) {
		t.Errorf("PTX: %v", err)
	}
	var e *CompileError
	_, err = Compile("extern \"C\" __global__ void k() { int x = y; }", "broken.cu", []string{"--gpu-architecture=sm_90"})
	if !errors.As(err, &e) || e.Status != 6 || !strings.Contains(e.Log, `broken.cu(1): error: identifier "y" is undefined`) {
		t.Errorf("a mistake: %v", err)
	}
	_, err = Compile(saxpy, "saxpy.cu", []string{"--gpu-architecture=sm_31"})
	if !errors.As(err, &e) || e.Status != nvrtcInvalidOption || !strings.Contains(err.Error(), "does not know sm_31") || !strings.Contains(err.Error(), "sm_90") {
		t.Errorf("an architecture of old: %v", err)
	}
	_, err = Compile(saxpy, "saxpy.cu", []string{"--nonsense"})
	if !errors.As(err, &e) || e.Status != nvrtcInvalidOption {
		t.Errorf("an option that is none: %v", err)
	}
	cache := KernelCache{filepath.Join(t.TempDir(), "kernels")}
	for i, cached := range []bool{false, true} {
		b, err := cache.Compile(saxpy, "saxpy.cu", []string{"--gpu-architecture=sm_90", "-DBLOCK=64"})
		if err != nil || b.Cached != cached || b.Note != "" || checkImage(b.Image) != "" {
			t.Errorf("cache, time %d: cached %v, note %q, %v; %s", i, b.Cached, b.Note, err, checkImage(b.Image))
		}
	}
}
