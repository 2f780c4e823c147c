package cuda_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
)

// code is counts of instructions in a kernel's machine code.
type code struct {
	Stores, Loads map[int]int // of global memory, by their width in bits
	// Loads and stores of local memory: spilled registers, arrays that are no registers
	Local  int
	Calls  int // CALL.REL: a float64 division or root, a 64-bit integer division
	Fences int // MEMBAR
	Early  int // loads of 128 bits in front of the first barrier
}

var (
	instruction = regexp.MustCompile(`(?m)^\s+(?:/\*[0-9a-f]{4,}\*/\s+)?(?:@!?U?P[T0-9]+\s+)?([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_.]+)?)([^\n]*);`)
	// routine is the target of a call. Other calls are jumps, and the form of shuffles on sm_80.
	routine = regexp.MustCompile(`\$__(internal|cuda)_`)
)

// width is the width of a global access in bits.
func width(op string) int {
	for suffix, bits := range map[string]int{".128": 128, ".64": 64, ".U16": 16, ".S16": 16, ".U8": 8, ".S8": 8} {
		if strings.Contains(op+".", suffix+".") {
			return bits
		}
	}
	return 32
}

// disassembled counts the instructions in nvdisasm's output.
func disassembled(text string) code {
	c := code{Stores: map[int]int{}, Loads: map[int]int{}}
	barriers := 0
	for _, m := range instruction.FindAllStringSubmatch(text, -1) {
		switch op := m[1]; {
		case strings.HasPrefix(op, "STG"):
			c.Stores[width(op)]++
		case strings.HasPrefix(op, "LDG"):
			c.Loads[width(op)]++
			if barriers == 0 && width(op) == 128 {
				c.Early++
			}
		case strings.HasPrefix(op, "STL"), strings.HasPrefix(op, "LDL"):
			c.Local++
		case strings.HasPrefix(op, "CALL") && routine.MatchString(m[2]) && !strings.Contains(m[2], "warpsync"):
			c.Calls++
		case strings.HasPrefix(op, "MEMBAR"):
			c.Fences++
		case strings.HasPrefix(op, "BAR."):
			barriers++
		}
	}
	return c
}

// narrow is the number of stores or loads of fewer bits than 128.
func narrow(by map[int]int) int {
	n := 0
	for bits, count := range by {
		if bits < 128 {
			n += count
		}
	}
	return n
}

// budget is the limits of a kernel's machine code. Each limit is plain + each*units, where the
// units are the norms or sums that the kernel finishes.
type budget struct {
	stores, loads [2]int // narrower than 128 bits
	local, calls  [2]int
	fences        [2]int
	early         bool   // loads of activations stand in front of the first barrier
	reason        string // the reason of every limit above zero
}

// budgets are by the kernel's name. A kernel without a line here may have only accesses of 128
// bits.
var budgets = map[string]budget{
	"apply":   {},
	"augment": {loads: [2]int{12, 0}, reason: "an image's bytes, their values in a table, its index and the step's record"},
	"gather": {stores: [2]int{2, 0}, loads: [2]int{8, 0},
		reason: "four elements from anywhere; four of 16 bits are 64; what is left behind the last four"},
	"gradconcat": {loads: [2]int{8, 0}, early: true, reason: "the step's record"},
	"gradnorm": {stores: [2]int{0, 9}, loads: [2]int{4, 6}, calls: [2]int{16, 33}, fences: [2]int{0, 4},
		reason: "a sum's slot, coefficients and gradients; the norm's numbers, the step's record; a float64 reciprocal, and on sm_80 a routine for each shuffle in a loop over replicas; the two turns of the barrier of its part: a fence each, by NVRTC 12.4 two"},
	"gradsum": {stores: [2]int{0, 8}, loads: [2]int{6, 6}, calls: [2]int{0, 1}, fences: [2]int{2, 0},
		reason: "a sum's slot, coefficients and gradients; the norm's numbers, the step's record; a float64 reciprocal of the last block, and its turn: one fence, by NVRTC 12.4 two"},
	"head": {stores: [2]int{80, 0}, loads: [2]int{160, 0}, local: [2]int{2, 0}, calls: [2]int{48, 0},
		reason: "logits, means and weights are float32 of any count; exponentials and logarithms are float64; sm_80 calls routines to shuffle in a loop; NVRTC 13.5 saves a register around an exponential on sm_90"},
	"head_grad": {stores: [2]int{2, 0}, loads: [2]int{64, 0}, reason: "float32 of any count of classes"},
	"join":      {loads: [2]int{4, 0}, early: true, reason: "the step's record"},
	"metrics":   {stores: [2]int{4, 0}, loads: [2]int{64, 0}, reason: "one block adds up a number an image"},
	"norm_eval": {stores: [2]int{8, 0}, loads: [2]int{8, 0}, calls: [2]int{2, 0}, reason: "a thread a channel; a float64 division and root"},
	"sgd":       {stores: [2]int{5, 0}, loads: [2]int{8, 0}, reason: "the step's record; four copies of 16 bits are 64; what is left behind the last four"},
	"stats": {stores: [2]int{0, 10}, loads: [2]int{0, 8}, calls: [2]int{0, 7}, fences: [2]int{0, 2},
		reason: "a norm's slot, coefficients, running statistics and parameters; float64 divisions and roots of the last block, and its turn: one fence, by NVRTC 12.4 two"},
}

// TestMachineCode counts a piece of SASS in nvdisasm's form.
func TestMachineCode(t *testing.T) {
	const text = `
.text.join:
        /*0000*/                   LDC R1, c[0x0][0x28] ;
        /*0010*/                   LDG.E.64.CONSTANT R4, desc[UR4][R2.64] ;
        /*0020*/              @!P0 LDG.E.128 R8, desc[UR4][R6.64] ;
        /*0030*/                   LDG.E.U16.CONSTANT R9, desc[UR4][R6.64] ;
        /*0040*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
                              @P1 LDG.E.128 R8, desc[UR4][R6.64] ;
        MEMBAR.ALL.GPU ;
        CALL.REL.NOINC ` + "`" + `($__internal_0_$__cuda_sm20_div_rn_f64_full) ;
        CALL.REL.NOINC ` + "`" + `(.L_x_1) ;
        STL.64 [R1], R8 ;
        STG.E.128 desc[UR4][R2.64], R8 ;
        STG.E desc[UR4][R2.64], R8 ;
.L_x_2:
        BRA ` + "`" + `(.L_x_2) ;
`
	have, want := fmt.Sprint(disassembled(text)), fmt.Sprint(code{Stores: map[int]int{128: 1, 32: 1}, Loads: map[int]int{64: 1, 128: 2, 16: 1}, Local: 1, Calls: 1, Fences: 1, Early: 1})
	if have != want {
		t.Errorf("want %s, have %s", want, have)
	}
}

// disassembler finds nvdisasm among the wheels of a folder.
func disassembler(t *testing.T, root string) string {
	found, _ := filepath.Glob(filepath.Join(root, "nvidia", "*", "bin", "nvdisasm"))
	if len(found) == 0 {
		t.Fatalf("%s has no nvdisasm: pip install --target it nvidia-cuda-nvdisasm", root)
	}
	return found[0]
}

// units is how many norms or sums a kernel finishes.
func units(k *kernels.Kernel) int {
	n := 0
	for _, a := range k.Args {
		if strings.HasPrefix(a.Name, "gamma_at") {
			n++
		}
	}
	return n
}

// check holds a kernel's code against its budget.
func check(t *testing.T, name string, k *kernels.Kernel, c code) {
	t.Helper()
	b, n := budgets[k.Entry], units(k)
	for _, l := range []struct {
		what  string
		have  int
		limit [2]int
	}{
		{"stores of fewer than 128 bits", narrow(c.Stores), b.stores}, {"loads of fewer than 128 bits", narrow(c.Loads), b.loads},
		{"accesses of local memory", c.Local, b.local}, {"calls", c.Calls, b.calls}, {"fences", c.Fences, b.fences},
	} {
		if most := l.limit[0] + n*l.limit[1]; l.have > most {
			t.Errorf("%s: %d %s, want at most %d: %+v", name, l.have, l.what, most, c)
		}
	}
	if b.early && c.Early == 0 {
		t.Errorf("%s: no load of 128 bits stands in front of the first barrier: %+v", name, c)
	}
}

// TestRealMachineCode compares the machine code of kernels for sm_80 and sm_90 with budgets.
// NVIDIA's own compiler and nvdisasm come from the wheels in the folder that SHAKE_NVIDIA names.
// The kernels are the first and the last of each name in 26 2x32d in bf16; with SHAKE_NVRTC=all
// every kernel of every network in bf16 and fp16; with SHAKE_NVRTC=few for sm_90 alone.
func TestRealMachineCode(t *testing.T) {
	root := wheels(t)
	if root == "" {
		return
	}
	tool := disassembler(t, root)
	types, archs := []kernels.Type{kernels.BF16}, []int{80, 90}
	if few() {
		archs = archs[1:]
	}
	if every() {
		types = append(types, kernels.F16)
	}
	count := 0
	for _, typ := range types {
		ks, first := used(t, typ, "26-2x32d")
		if !every() {
			ks = ends(ks[:first])
		}
		for _, k := range ks {
			for _, arch := range archs {
				name := fmt.Sprintf("%s.cu for sm_%d in %v", k.Entry, arch, typ)
				text, options, entry := k.Source()
				b, err := cuda.Compile(text, entry+".cu", append(options, fmt.Sprintf("--gpu-architecture=sm_%d", arch)))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				c := disassembled(sass(t, name, tool, b.Image))
				if len(c.Loads) == 0 {
					t.Fatalf("%s: no load of global memory in what nvdisasm printed", name)
				}
				t.Logf("%s, %d norms: %+v", name, units(k), c)
				check(t, name, k, c)
				count++
			}
		}
	}
	t.Logf("%d kernels read", count)
}

// ends are the first and the last kernel of each name.
func ends(ks []*kernels.Kernel) (out []*kernels.Kernel) {
	last := map[string]int{}
	for i, k := range ks {
		last[k.Entry] = i
	}
	seen := map[string]bool{}
	for i, k := range ks {
		if !seen[k.Entry] || last[k.Entry] == i {
			out = append(out, k)
		}
		seen[k.Entry] = true
	}
	return out
}
