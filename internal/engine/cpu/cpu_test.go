package cpu_test

import (
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/enginetest"
	"shake/internal/engine/ref"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// TestSuite holds the engine to the contract of every backend and to PyTorch's vectors.
func TestSuite(t *testing.T) { enginetest.Run(t, cpu.Backend{}, enginetest.Float32) }

// TestForward: the paper's rivals are those networks at full size.
func TestForward(t *testing.T) {
	enginetest.Forward(t, cpu.Backend{}, "densenet-bc-100-12", "resnet20")
}

// program compiles s for a batch of n and gives it the images and the seed's weights.
func program(t *testing.T, b engine.Backend, s *dsl.Spec, seed uint64, n, replicas, workers int) engine.Program {
	t.Helper()
	return programOf(t, b, s, seed, n, replicas, workers, "auto")
}

func programOf(t *testing.T, b engine.Backend, s *dsl.Spec, seed uint64, n, replicas, workers int, conv string) engine.Program {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Compile(g, engine.Config{
		Seed: seed, Batch: n, Replicas: replicas, Workers: workers, Momentum: 0.9, Nesterov: true, WeightDecay: 1e-3, Flip: true, Crop: 4, Conv: conv,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	im := enginetest.Noise(2*n, g.Classes)
	if err := p.Load(im, im); err != nil {
		t.Fatal(err)
	}
	if err := p.SetState(engine.InitTensors(g, seed)); err != nil {
		t.Fatal(err)
	}
	return p
}

// train runs steps of n images, the last of them ragged.
func train(t *testing.T, p engine.Program, n, steps int) {
	t.Helper()
	for i := range steps {
		index := make([]int32, n)
		for j := range index {
			index[j] = int32((i + 3*j) % (2 * n))
		}
		if i == steps-1 && n > 1 {
			index = index[:n-1]
		}
		if err := p.Step(engine.Step{Iteration: uint32(i), Index: index, LR: 0.05}); err != nil {
			t.Fatal(err)
		}
	}
}

func state(t *testing.T, p engine.Program) map[string]engine.Tensor {
	t.Helper()
	ts, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]engine.Tensor{}
	for _, x := range ts {
		m[x.Name] = x
	}
	return m
}

// worst returns the largest difference of any tensor, relative to that tensor's own size.
func worst(t *testing.T, have, want map[string]engine.Tensor) (name string, rel float64) {
	t.Helper()
	if len(have) != len(want) {
		t.Fatalf("%d tensors, want %d", len(have), len(want))
	}
	for k, w := range want {
		h, ok := have[k]
		if !ok {
			t.Fatalf("no tensor %s", k)
		}
		diff, norm := 0.0, 1e-12
		for i, x := range w.F64 {
			d := float64(h.F32[i]) - x
			diff, norm = diff+d*d, norm+x*x
		}
		if r := math.Sqrt(diff / norm); r > rel || math.IsNaN(r) {
			name, rel = k, r
		}
	}
	return name, rel
}

// TestAgainstReference trains two steps of nets that reach every kernel, and compares weights,
// momentum and statistics with float64. Now and then an activation is so close to 0 that float32
// and float64 disagree about its ReLU, which no tolerance covers: a net that differs must agree
// under both of two other seeds.
func TestAgainstReference(t *testing.T) {
	bn, relu := dsl.Layer{Kind: dsl.BN}, dsl.Layer{Kind: dsl.ReLU}
	nets := map[string]*dsl.Spec{}
	for _, f := range graphtest.Families {
		nets[f] = graphtest.Small(f, 16, 1)
		nets[f+"-odd"] = graphtest.Small(f, 6, 2)
	}
	nets["26"] = graphtest.Small("26", 32, 1)
	nets["preact"] = graphtest.Small("26", 16, 2)
	nets["preact"].Net.Branch = append([]dsl.Layer{bn}, nets["preact"].Net.Branch...)
	nets["bn-relu-bn"] = graphtest.Small("26", 16, 1)
	nets["bn-relu-bn"].Net.Branch = append(nets["bn-relu-bn"].Net.Branch, relu, bn)
	nets["three"] = graphtest.Small("resnext", 8, 1)
	nets["three"].Net.Branches = 3
	for name, s := range nets {
		t.Run(name, func(t *testing.T) {
			err := compare(t, s, 3)
			if err == nil {
				return
			}
			t.Log(err)
			for _, seed := range []uint64{4, 5} {
				if err := compare(t, s, seed); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// compare trains s on both backends and evaluates it.
func compare(t *testing.T, s *dsl.Spec, seed uint64) error {
	have, want := program(t, cpu.Backend{}, s, seed, 5, 2, 2), program(t, ref.Backend{}, s, seed, 5, 2, 1)
	train(t, have, 5, 2)
	train(t, want, 5, 2)
	if name, rel := worst(t, state(t, have), state(t, want)); !(rel < 5e-5) {
		return fmt.Errorf("seed %d: %s differs by %.2g of its norm", seed, name, rel)
	}
	h, err := have.Eval(0, 7)
	if err != nil {
		t.Fatal(err)
	}
	w, err := want.Eval(0, 7)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(h.Loss-w.Loss) > 1e-4*w.Loss || h.Errors != w.Errors || h.Images != 7 {
		return fmt.Errorf("seed %d: eval %+v, want %+v", seed, h, w)
	}
	return nil
}

// The bits must not depend on the number of workers, nor on earlier runs.
func TestSameBits(t *testing.T) {
	for _, f := range []string{"26", "resnext", "c"} {
		t.Run(f, func(t *testing.T) {
			var first map[string]engine.Tensor
			for _, workers := range []int{1, 2, 3} {
				p := program(t, cpu.Backend{}, graphtest.Small(f, 16, 1), 3, 6, 2, workers)
				train(t, p, 6, 3)
				st := state(t, p)
				if first == nil {
					first = st
					continue
				}
				for name, x := range st {
					for i, v := range x.F32 {
						if math.Float32bits(v) != math.Float32bits(first[name].F32[i]) {
							t.Fatalf("%d workers: %s[%d] = %v, one worker: %v", workers, name, i, v, first[name].F32[i])
						}
					}
				}
			}
		})
	}
}

// conv = "direct" leaves Winograd's transforms out: it computes the same net with other roundings.
func TestDirect(t *testing.T) {
	spec := graphtest.Small("26", 16, 1)
	auto, direct := program(t, cpu.Backend{}, spec, 3, 5, 2, 2), programOf(t, cpu.Backend{}, spec, 3, 5, 2, 2, "direct")
	train(t, auto, 5, 2)
	train(t, direct, 5, 2)
	have, other := state(t, direct), state(t, auto)
	different := 0
	for name, x := range have {
		diff, norm := 0.0, 1e-12
		for i, v := range x.F32 {
			d := float64(v - other[name].F32[i])
			diff, norm = diff+d*d, norm+float64(v)*float64(v)
			if d != 0 {
				different++
			}
		}
		if r := math.Sqrt(diff / norm); !(r < 1e-4) {
			t.Errorf("%s: differs by %.2g of its norm", name, r)
		}
	}
	if different == 0 {
		t.Error("the same bits: both were direct, or both transformed")
	}
}

// Workers sleep when there is nothing to do: an idle program uses next to no processor time.
func TestIdle(t *testing.T) {
	p := program(t, cpu.Backend{}, graphtest.Small("26", 16, 1), 3, 4, 2, 4)
	train(t, p, 4, 2)
	runtime.GC()
	time.Sleep(20 * time.Millisecond)
	const idle = 300 * time.Millisecond
	from := processorTime(t)
	time.Sleep(idle)
	if used := processorTime(t) - from; used > idle/4 {
		t.Errorf("%v of processor time in %v with nothing to do", used, idle)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Skip("no processor time:", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A step allocates nothing.
func TestStepAllocates(t *testing.T) {
	p := program(t, cpu.Backend{}, graphtest.Small("26", 16, 1), 3, 4, 2, 2)
	index := []int32{0, 1, 2, 3}
	it := uint32(0)
	n := testing.AllocsPerRun(20, func() {
		if err := p.Step(engine.Step{Iteration: it, Index: index, LR: 0.01}); err != nil {
			t.Fatal(err)
		}
		it++
	})
	if n != 0 {
		t.Errorf("a step makes %v allocations, want none", n)
	}
}
