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

// wgradKernels are the distinct kernels of the weight gradients of every network, or of one of each
// family, on a card of 132 multiprocessors.
func wgradKernels(t *testing.T, typ kernels.Type, every bool) (all []*kernels.Kernel) {
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
		for _, o := range l.Ops {
			f, ok := o.(*gpu.ConvFilter)
			if !ok {
				continue
			}
			ks, err := l.OwnFilter(f, 132)
			if err != nil || len(ks) == 0 {
				t.Fatalf("%s: %d kernels for %v: %v", name, len(ks), f.Call, err)
			}
			for _, k := range ks {
				if !seen[k.Text] {
					seen[k.Text] = true
					all = append(all, k)
				}
			}
		}
	}
	return all
}

// TestRealWGrad compiles the kernels of the networks' weight gradients by NVIDIA's own compiler,
// from the wheels in the folder that SHAKE_NVIDIA names. In bf16 it takes every network, each
// kernel for one of sm_80, sm_89 and sm_90 in turn; in fp16 one network of each family. With
// SHAKE_NVRTC=all it takes every network and type for all three; with SHAKE_NVRTC=few one network
// of each family in bf16 for sm_90. No kernel may spill, or take more registers than one block's
// threads leave. If nvdisasm is found (in the wheels' bin folder or on
// PATH), the machine code must match the text: copies of 16 bytes past the first-level cache, one
// barrier a chunk, three products for each ldmatrix where the tile is 3x3 filters of 48 channels or
// more, parts stored 8 bytes at a time, and no call or local memory.
func TestRealWGrad(t *testing.T) {
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
	count, most := 0, map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	room := make(chan struct{}, 2)
	for _, typ := range types {
		for i, k := range wgradKernels(t, typ, every() || typ == kernels.BF16 && !few()) {
			for a, arch := range archs {
				if a != (i+int(typ))%len(archs) && !every() {
					continue
				}
				wg.Go(func() {
					room <- struct{}{}
					defer func() { <-room }()
					registers := realWGrad(t, k, typ, arch, tool)
					mu.Lock()
					defer mu.Unlock()
					most[k.Entry] = max(most[k.Entry], registers)
					count++
				})
			}
		}
	}
	wg.Wait()
	if count == 0 {
		t.Error("nothing was compiled")
	}
	t.Logf("%d compilations; most registers: %v", count, most)
}

var (
	constant = regexp.MustCompile(`constexpr int (\w+) = (\d+);`)
	// A call of a label within the kernel is a jump
	subroutine = regexp.MustCompile("CALL\\S* `\\(\\$")
)

func realWGrad(t *testing.T, k *kernels.Kernel, typ kernels.Type, arch, tool string) int {
	name := fmt.Sprintf("%s for %s in %v", k.Entry, arch, typ)
	c := map[string]int{}
	for _, m := range constant.FindAllStringSubmatch(k.Text, -1) {
		c[m[1]], _ = strconv.Atoi(m[2])
	}
	if k.Entry == "wgrad" {
		name += fmt.Sprintf(", %dx%d of %d groups of %d to %d, %dx%d /%d", c["R"], c["R"], c["GROUPS"], c["CG"], c["KG"], c["H"], c["W"], c["STRIDE"])
	}
	image, n := compile(t, name, k, arch, limits{registers: 65536 / int(k.Launch(1).Block[0])})
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
	calls := len(subroutine.FindAllString(string(text), -1))
	if has("LDL")+has("STL")+calls > 0 {
		t.Errorf("%s: %d loads from and %d stores to local memory, %d calls", name, has("LDL"), has("STL"), calls)
	}
	if k.Entry == "wgrad_sum" {
		if has(`LDG\.E\.128`) == 0 || has("LDG") != has(`LDG\.E\.128`) {
			t.Errorf("%s: %d loads, of which %d of 16 bytes", name, has("LDG"), has(`LDG\.E\.128`))
		}
		return n
	}
	steps := (c["NI"]*c["TH"]*c["Q"] + 16*c["WK"] - 1) / (16 * c["WK"])
	products := steps * c["MT"] * c["R"] * c["CW"]
	if has("HMMA") != products || has(`LDSM\.16\.MT88`) != has("LDSM") || has("LDSM") != steps*(c["MT"]+c["R"]*((c["CW"]+1)/2)) {
		t.Errorf("%s: %d products and %d ldmatrix, %d transposed; want %d and %d", name, has("HMMA"), has("LDSM"), has(`LDSM\.16\.MT88`), products, steps*(c["MT"]+c["R"]*((c["CW"]+1)/2)))
	}
	if c["R"] == 3 && c["KG"] >= 48 && c["CG"] >= 16 && has("HMMA") < 3*has("LDSM") {
		t.Errorf("%s: %d products for %d ldmatrix", name, has("HMMA"), has("LDSM"))
	}
	if has("LDGSTS") == 0 || has("LDGSTS") != has(`LDGSTS\.E\.BYPASS(?:\.LTC128B)?\.128`) || has("LDG") > 0 {
		t.Errorf("%s: %d copies to shared memory, %d of 16 bytes, and %d loads", name, has("LDGSTS"), has(`LDGSTS\.E\.BYPASS(?:\.LTC128B)?\.128`), has("LDG"))
	}
	if c["SPLITS"] > 1 && has("STG") != has(`STG\.E\.64`) {
		t.Errorf("%s: %d stores, of which %d of 8 bytes", name, has("STG"), has(`STG\.E\.64`))
	}
	return n
}
