package cuda_test

import (
	"fmt"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/internal/engine/gpu"
)

// convKernels are the distinct kernels of our own for the convolutions of every network, or of one
// of each family.
func convKernels(t *testing.T, typ kernels.Type, every bool) []*kernels.Kernel {
	t.Helper()
	return distinct(t, typ, every, func(l *gpu.List, i int) ([]*kernels.Kernel, error) {
		k, _, err := l.OwnConv(i)
		if k == nil {
			return nil, err
		}
		return []*kernels.Kernel{k}, err
	})
}

// TestRealConv compiles our kernels for the networks' convolutions by NVIDIA's own compiler, from
// the wheels in the folder that SHAKE_NVIDIA names: the same choice of networks, types and cards as
// TestRealWGrad. No kernel may take more registers than two blocks' threads leave. For that a few
// spill, maxSpillOfConv bytes at most, and none with SHAKE_NVRTC=few. If nvdisasm is found, the
// machine code must match the text: two products for each ldmatrix, none of them transposed, copies
// of filters of 16 bytes past the first-level cache, and loads and stores of activations of 16
// bytes.
func TestRealConv(t *testing.T) {
	root := wheels(t)
	if root == "" {
		return
	}
	compileOwn(t, root, convKernels, realConv)
}

func realConv(t *testing.T, k *kernels.Kernel, typ kernels.Type, arch, tool string) int {
	c := constants(k)
	name := fmt.Sprintf("conv for %s in %v, %dx%d of %d channels to %d, %dx%d /%d", arch, typ, c["R"], c["R"], c["CG"], c["KG"], c["H"], c["W"], c["STRIDE"])
	most := limits{maxRegisters, maxSpillOfConv}
	if few() {
		most.spill = 0
	}
	image, n := compile(t, name, k, arch, most)
	if tool == "" || image == nil {
		return n
	}
	text := sass(t, name, tool, image)
	if text == "" {
		return n
	}
	has := counter(text)
	if has("LDL") > most.spill/4 || has("STL") > most.spill/4 {
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
