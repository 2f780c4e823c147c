package cuda_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/dsl"
	"shake/internal/engine/gpu"
	"shake/internal/graph"
	"shake/nets"
)

// lowered is a built-in network, and its list in its own batch.
func lowered(t *testing.T, name string, typ kernels.Type) (*dsl.Spec, *gpu.List) {
	t.Helper()
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
	return s, l
}

// distinct are the kernels that of finds at the ops of every network's list, or of one network's of
// each family, each text once.
func distinct(t *testing.T, typ kernels.Type, every bool, of func(l *gpu.List, i int) ([]*kernels.Kernel, error)) (all []*kernels.Kernel) {
	t.Helper()
	seen := map[string]bool{}
	names := leading()
	if every {
		names = nets.Names()
	}
	for _, name := range names {
		_, l := lowered(t, name, typ)
		for i := range l.Ops {
			ks, err := of(l, i)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
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

// compileOwn compiles kernels on tensor cores by one, which returns the registers. In bf16 it takes
// every network, each kernel for one of sm_80, sm_89 and sm_90 in turn; in fp16 one network of each
// family. With SHAKE_NVRTC=all it takes every network and type for all three; with SHAKE_NVRTC=few
// one network of each family in bf16 for sm_90, with SHAKE_NVRTC=one 26 2x32d alone. tool is
// nvdisasm, from the wheels or from PATH, "" where there is none.
func compileOwn(t *testing.T, root string, of func(t *testing.T, typ kernels.Type, every bool) []*kernels.Kernel, one func(t *testing.T, k *kernels.Kernel, typ kernels.Type, arch, tool string) int) {
	t.Helper()
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
		for i, k := range of(t, typ, every() || typ == kernels.BF16 && !few()) {
			for a, arch := range archs {
				if a != (i+int(typ))%len(archs) && !every() {
					continue
				}
				wg.Go(func() {
					room <- struct{}{}
					defer func() { <-room }()
					registers := one(t, k, typ, arch, tool)
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

// constants are the integers in front of a kernel's text, the first of each name.
func constants(k *kernels.Kernel) map[string]int {
	c := map[string]int{}
	for _, m := range constant.FindAllStringSubmatch(k.Text, -1) {
		if _, ok := c[m[1]]; !ok {
			c[m[1]], _ = strconv.Atoi(m[2])
		}
	}
	return c
}

var constant = regexp.MustCompile(`constexpr int (\w+) = (\d+);`)

// sass is the machine code of a kernel as nvdisasm prints it; "" after a failure.
func sass(t *testing.T, name, tool string, image []byte) string {
	file := filepath.Join(t.TempDir(), "k.cubin")
	if err := os.WriteFile(file, image, 0o644); err != nil {
		t.Error(err)
		return ""
	}
	text, err := exec.Command(tool, "-c", file).Output()
	if err != nil {
		t.Errorf("%s: nvdisasm: %v", name, err)
	}
	return string(text)
}

// counter counts instructions in machine code by the beginning of their names.
func counter(text string) func(op string) int {
	return func(op string) int { return len(regexp.MustCompile(`\b`+op+`\b[. ]`).FindAllString(text, -1)) }
}
