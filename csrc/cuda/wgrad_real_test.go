package cuda_test

import (
	"fmt"
	"regexp"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/internal/engine/gpu"
)

// wgradKernels are the distinct kernels of the weight gradients of every network, or of one of each
// family, on a card of 132 multiprocessors.
func wgradKernels(t *testing.T, typ kernels.Type, every bool) []*kernels.Kernel {
	t.Helper()
	return distinct(t, typ, every, func(l *gpu.List, i int) ([]*kernels.Kernel, error) {
		f, ok := l.Ops[i].(*gpu.ConvFilter)
		if !ok {
			return nil, nil
		}
		ks, err := l.OwnFilter(f, 132)
		if err == nil && len(ks) == 0 {
			err = fmt.Errorf("no kernels for %v", f.Call)
		}
		return ks, err
	})
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
	compileOwn(t, root, wgradKernels, realWGrad)
}

// A call of a label within the kernel is a jump.
var subroutine = regexp.MustCompile("CALL\\S* `\\(\\$")

func realWGrad(t *testing.T, k *kernels.Kernel, typ kernels.Type, arch, tool string) int {
	name := fmt.Sprintf("%s for %s in %v", k.Entry, arch, typ)
	c := constants(k)
	if k.Entry == "wgrad" {
		name += fmt.Sprintf(", %dx%d of %d groups of %d to %d, %dx%d /%d", c["R"], c["R"], c["GROUPS"], c["CG"], c["KG"], c["H"], c["W"], c["STRIDE"])
	}
	image, n := compile(t, name, k, arch, limits{registers: 65536 / int(k.Launch(1).Block[0])})
	if tool == "" || image == nil {
		return n
	}
	text := sass(t, name, tool, image)
	if text == "" {
		return n
	}
	has := counter(text)
	calls := len(subroutine.FindAllString(text, -1))
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
