package cuda_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/internal/engine/gpu"
	"shake/internal/graph"
	"shake/nets"
)

// convKernels are the distinct kernels of our own for the convolutions of every network, or of one
// of each family.
func convKernels(t *testing.T, typ kernels.Type, every bool) (all []*kernels.Kernel) {
	t.Helper()
	seen := map[string]bool{}
	names := []string{"26-2x32d", "resnext29"}
	if every {
		names = nets.Names()
	}
	for _, name := range names {
		s, err := nets.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := graph.Build(s)
		if err != nil {
			t.Fatal(err)
		}
		l, err := gpu.Lower(g, typ, s.Train.Batch, s.Train.Replicas, gpu.Recipe{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range l.Ops {
			k, _, err := l.OwnConv(i)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if k != nil && !seen[k.Text] {
				seen[k.Text] = true
				all = append(all, k)
			}
		}
	}
	return all
}

// TestRealConv compiles our kernels for the networks' convolutions by NVIDIA's own compiler, from
// the wheels in the folder that SHAKE_NVIDIA names: the same choice of networks, types and cards as
// TestRealWGrad. No kernel may spill, or take more registers than two blocks' threads leave. If
// nvdisasm is found, the machine code must match the text: two products for each ldmatrix, none of
// them transposed, copies of filters of 16 bytes past the first-level cache, loads and stores of
// activations of 16 bytes, and no local memory.
func TestRealConv(t *testing.T) {
	root := wheels(t)
	if root == "" {
		return
	}
	tool := filepath.Join(root, "nvidia", "cu13", "bin", "nvdisasm")
	if _, err := os.Stat(tool); err != nil {
		if tool, err = exec.LookPath("nvdisasm"); err != nil {
			t.Log("no nvdisasm: instructions are not counted")
		}
	}
	types, archs := []kernels.Type{kernels.BF16, kernels.F16}, []string{"sm_80", "sm_89", "sm_90"}
	if few() {
		types, archs = types[:1], archs[2:]
	}
	count, most := 0, 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	room := make(chan struct{}, 2)
	for _, typ := range types {
		for i, k := range convKernels(t, typ, every() || typ == kernels.BF16 && !few()) {
			for a, arch := range archs {
				if a != (i+int(typ))%len(archs) && !every() {
					continue
				}
				wg.Go(func() {
					room <- struct{}{}
					defer func() { <-room }()
					registers := realConv(t, k, typ, arch, tool)
					mu.Lock()
					defer mu.Unlock()
					most = max(most, registers)
					count++
				})
			}
		}
	}
	wg.Wait()
	if count == 0 {
		t.Error("nothing was compiled")
	}
	t.Logf("%d compilations; most registers: %d", count, most)
}

func realConv(t *testing.T, k *kernels.Kernel, typ kernels.Type, arch, tool string) int {
	c := map[string]int{}
	for _, m := range constant.FindAllStringSubmatch(k.Text, -1) {
		if _, ok := c[m[1]]; !ok {
			c[m[1]], _ = strconv.Atoi(m[2])
		}
	}
	name := fmt.Sprintf("conv for %s in %v, %dx%d of %d channels to %d, %dx%d /%d", arch, typ, c["R"], c["R"], c["CG"], c["KG"], c["H"], c["W"], c["STRIDE"])
	image, n := compile(t, name, k, arch, limits{registers: 128})
	if tool == "" || image == nil {
		return n
	}
	file := filepath.Join(t.TempDir(), "k.cubin")
	if err := os.WriteFile(file, image, 0o644); err != nil {
		t.Error(err)
		return n
	}
	text, err := exec.Command(tool, file).Output()
	if err != nil {
		t.Errorf("%s: nvdisasm: %v", name, err)
		return n
	}
	has := func(op string) int { return len(regexp.MustCompile(`\b`+op+`\b[. ]`).FindAllString(string(text), -1)) }
	if has("LDL")+has("STL") > 0 {
		t.Errorf("%s: %d loads from and %d stores to local memory", name, has("LDL"), has("STL"))
	}
	steps := c["R"] // 16 channels at a time
	if has("HMMA") != 8*steps || has("LDSM") != 4*steps || has(`LDSM\.16\.M88`) != 4*steps {
		t.Errorf("%s: %d products and %d ldmatrix, %d of them not transposed; want %d and %d", name, has("HMMA"), has("LDSM"), has(`LDSM\.16\.M88`), 8*steps, 4*steps)
	}
	if has("LDGSTS") == 0 || has("LDGSTS") != has(`LDGSTS\.E\.BYPASS(?:\.LTC128B)?\.128`) {
		t.Errorf("%s: %d copies to shared memory, %d of 16 bytes", name, has("LDGSTS"), has(`LDGSTS\.E\.BYPASS(?:\.LTC128B)?\.128`))
	}
	if has(`STG\.E\.128`) == 0 || has(`STG(?:\.E)?\.U16`) > 0 || has(`LDG(?:\.E)?\.U16`) > 0 {
		t.Errorf("%s: %d stores of 16 bytes, %d stores and %d loads of 2", name, has(`STG\.E\.128`), has(`STG(?:\.E)?\.U16`), has(`LDG(?:\.E)?\.U16`))
	}
	return n
}
