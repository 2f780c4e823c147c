package cuda_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
	"shake/nets"
)

// maxRegisters leaves room for two blocks of 256 threads on a multiprocessor. maxSpill is in bytes
// of a thread. The statistics save some registers around the float64 divisions of the last block,
// and so does the correlation. The widest gradients save two where the cap bites, and the head one
// by NVRTC 13.5. No other kernel may spill.
const maxRegisters = 128

var maxSpill = map[string]int{"stats": 32, "correlate": 32, "gradconcat": 16, "head": 8}

// maxSpillOfConv is the same for our convolution, where two blocks' registers are too few: in 23 of
// 284 compilations by NVRTC 13.0, never of 26 2x32d or ResNeXt-29 for sm_90.
const maxSpillOfConv = 24

var (
	registers = regexp.MustCompile(`Used (\d+) registers`)
	spills    = regexp.MustCompile(`(\d+) bytes spill (?:stores|loads)`)
	wasteful  = regexp.MustCompile(`warning #[^\n]*`)
)

// used lists the distinct kernels of every built-in network in one storage type, cooperative ones
// for an H100 too; the kernels of the leading nets come first.
func used(t *testing.T, typ kernels.Type, leading ...string) (all []*kernels.Kernel, first int) {
	seen := map[string]bool{}
	names := append(slices.Clone(leading), slices.DeleteFunc(nets.Names(), func(n string) bool { return slices.Contains(leading, n) })...)
	for i, name := range names {
		s, l := lowered(t, name, typ)
		ks, err := l.Kernels(engine.ConfigOf(s))
		if err != nil {
			t.Fatal(err)
		}
		more, err := l.Cooperative(132, 228<<10)
		if err != nil {
			t.Fatal(err)
		}
		if few() {
			more = ends(more)
		}
		for _, k := range append(ks, more...) {
			if !seen[k.Text] {
				seen[k.Text] = true
				all = append(all, k)
			}
		}
		if i < len(leading) {
			first = len(all)
		}
	}
	return all, first
}

// How much of NVIDIA's compiler a test asks: everything, or as much as make test-nvidia FEW=1 has
// time for, with two networks or with one.
func every() bool { return os.Getenv("SHAKE_NVRTC") == "all" }
func few() bool   { return os.Getenv("SHAKE_NVRTC") == "few" || one() }
func one() bool   { return os.Getenv("SHAKE_NVRTC") == "one" }

// leading are the networks whose kernels are always compiled: one of each family.
func leading() []string {
	if one() {
		return []string{"26-2x32d"}
	}
	return []string{"26-2x32d", "resnext29"}
}

// others are kernels that no list launches.
func others(t *testing.T, typ kernels.Type) []*kernels.Kernel {
	shape := kernels.Shape{Type: typ, H: 8, W: 8, Replicas: 2}
	s := kernels.Slice{C: 128, Pitch: 128}
	var out []*kernels.Kernel
	for _, spec := range []kernels.Spec{
		kernels.NormSumsSpec{C: 128, Channels: 128, HW: 64, Replicas: 2}, kernels.NormAffineSpec{C: 128, Replicas: 2}, kernels.NormBackwardReplicasSpec{C: 128, Replicas: 2},
		kernels.LossScaleCheckSpec{}, kernels.LossScaleUpdateSpec{Growth: 2000}, kernels.ClipSpec{Most: 1}, kernels.SGDSpec{Momentum: 0.9, Copy: typ, Averaged: true, Keep: 0.999},
		kernels.AugmentSpec{Type: typ, C: 3, H: 32, W: 32, Pitch: 8, Train: true, Flip: true, Crop: 4, Cutout: 16, Erase: 0.5, Mixed: true},
		kernels.HeadSpec{Shape: shape, X: kernels.View{Slice: s, ReLU: true}, Classes: 10, BOff: 1280, Train: true, Smoothing: 0.1, Mixed: true, DX: &kernels.Slice{Buf: 1, C: 128, Pitch: 128}, Mask: true},
		kernels.CopySpec{}, kernels.GatherSpec{From: typ, To: kernels.F32, Plain: true},
		kernels.CorrelateSpec{Shape: shape, A: kernels.View{Slice: s, Norm: &kernels.NormRef{C: 128}}, B: kernels.View{Slice: s, Norm: &kernels.NormRef{C: 128}, ReLU: true}},
		kernels.DrawSpec{Replicas: 2, Draw: kernels.Draw{Branches: 8, Forward: kernels.Shaken, Backward: kernels.Shaken, High: 1}},
		kernels.DrawSpec{Replicas: 2, Draw: kernels.Draw{Branches: 2, Forward: kernels.Shaken, Backward: kernels.M4, High: 1}},
	} {
		k, err := spec.Kernel()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

// TestRealNVRTC compiles by NVIDIA's own compiler, from the wheels in the folder that SHAKE_NVIDIA
// names: the kernels of every net in bf16, and of one net of each family in the other types, each
// for one of the architectures in turn. With SHAKE_NVRTC=all it compiles those of every net, type
// and architecture, which takes an hour of one core; with SHAKE_NVRTC=few those of one net of each
// family in bf16 for sm_90, with SHAKE_NVRTC=one of 26 2x32d alone. No kernel may spill beyond its
// budget or take more registers than leave room for 512 threads. The compiler may warn only of
// parts that a specialisation leaves unused.
func TestRealNVRTC(t *testing.T) {
	if wheels(t) == "" {
		return
	}
	all, err := cuda.NVRTCArchs()
	if err != nil {
		t.Fatal(err)
	}
	archs := slices.DeleteFunc(all, func(a int) bool { return a < 75 || a > 120 || few() && a != 90 })
	types := []kernels.Type{kernels.BF16, kernels.F16, kernels.F32}
	if few() {
		types = types[:1]
	}
	type job struct {
		k    *kernels.Kernel
		arch int
		typ  kernels.Type
	}
	jobs := make(chan job)
	most := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for j := range jobs {
				name := fmt.Sprintf("%s.cu for sm_%d in %v", j.k.Entry, j.arch, j.typ)
				_, r := compile(t, name, j.k, fmt.Sprintf("sm_%d", j.arch), limits{maxRegisters, maxSpill[j.k.Entry]})
				mu.Lock()
				most[j.k.Entry] = max(most[j.k.Entry], r)
				mu.Unlock()
			}
		})
	}
	count := 0
	for _, typ := range types {
		ks, first := used(t, typ, leading()...)
		ks = append(others(t, typ), ks...)
		first += len(others(t, typ))
		if few() || typ != kernels.BF16 && !every() {
			ks = ks[:first]
		}
		for i, k := range ks {
			for a, arch := range archs {
				if every() || a == i%len(archs) {
					jobs <- job{k, arch, typ}
					count++
				}
			}
		}
	}
	close(jobs)
	wg.Wait()
	if count == 0 {
		t.Error("nothing was compiled")
	}
	t.Logf("%d compilations for %v; most registers: %v", count, archs, most)
}
