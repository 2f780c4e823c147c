package cuda_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
)

// TestRealProgrammatic compiles kernels for programmatic launches by NVIDIA's own compiler, from
// the wheels in the folder that SHAKE_NVIDIA names, for sm_90 and sm_100 (NVRTC 12.4 knows sm_90
// alone), in bf16: kernels of 26 2x32d, of convolutions and weight gradients of our own, and those
// beside all lists, the first and the last of each name; with SHAKE_NVRTC=all every one, with
// SHAKE_NVRTC=few for sm_90. The limits of registers and spills are those of ordinary launches. In
// the machine code the wait stands once, in front of every store, atomic operation, copy to shared
// memory and exit, and the trigger once, behind the wait. In front of the wait only kernels that
// draw read memory.
func TestRealProgrammatic(t *testing.T) {
	root := wheels(t)
	if root == "" {
		return
	}
	known, err := cuda.NVRTCArchs()
	if err != nil {
		t.Fatal(err)
	}
	archs := slices.DeleteFunc([]int{90, 100}, func(a int) bool { return !slices.Contains(known, a) || few() && a != 90 })
	tool := disassembler(t, root)
	ks, first := used(t, kernels.BF16, "26-2x32d")
	ks = slices.Concat(ks[:first], others(t, kernels.BF16), wgradKernels(t, kernels.BF16, false), convKernels(t, kernels.BF16, false))
	if !every() {
		ks = ends(ks)
	}
	waiting := map[string]bool{}
	for _, k := range ks {
		for _, arch := range archs {
			name := fmt.Sprintf("%s.cu for sm_%d", k.Entry, arch)
			most := limits{maxRegisters, maxSpill[k.Entry]}
			if k.Entry == "wgrad" {
				most.registers = 65536 / int(k.Launch(128).Block[0]) / 8 * 8
				if arch == 100 {
					most.spill = 12 // by NVRTC 13.0, and as much in an ordinary launch
				}
			}
			image, _ := compile(t, name, k.Programmatic(), fmt.Sprintf("sm_%d", arch), most)
			if image == nil {
				continue
			}
			early, fault := dependencies(sass(t, name, tool, image))
			if fault != "" {
				t.Errorf("%s: %s", name, fault)
			}
			draws := slices.ContainsFunc(k.Args, func(a kernels.Arg) bool { return a.Name == "step" })
			if early > 0 && !draws {
				t.Errorf("%s: %d loads stand in front of the wait", name, early)
			}
			if early > 0 {
				waiting[k.Entry] = true
			}
		}
	}
	t.Logf("%d kernels for %v; %v read in front of the wait", len(ks), archs, waiting)
}

// dependencies counts the loads of global memory in front of griddepcontrol.wait in nvdisasm's
// output, and names a fault in the order of the two instructions.
func dependencies(text string) (early int, fault string) {
	waits, triggers := 0, 0
	for _, m := range instruction.FindAllStringSubmatch(text, -1) {
		op := m[1]
		is := func(prefixes ...string) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(op, p) })
		}
		switch {
		case is("ACQBULK"):
			waits++
		case is("PREEXIT"):
			triggers++
			if waits == 0 {
				return early, "the trigger stands in front of the wait"
			}
		case waits == 0 && is("STG", "ATOMG", "RED", "LDGSTS", "EXIT"):
			return early, op + " stands in front of the wait"
		case waits == 0 && is("LDG"):
			early++
		}
	}
	if waits != 1 || triggers != 1 {
		return early, fmt.Sprintf("%d waits and %d triggers, want one of each", waits, triggers)
	}
	return early, ""
}

// TestDependencies finds the faults in pieces of SASS.
func TestDependencies(t *testing.T) {
	for _, c := range []struct {
		ops   string
		early int
		fault string
	}{
		{"LDG.E ACQBULK PREEXIT LDG.E STG.E EXIT", 1, ""},
		{"STG.E ACQBULK PREEXIT EXIT", 0, "STG.E stands in front of the wait"},
		{"LDG.E EXIT ACQBULK PREEXIT EXIT", 1, "EXIT stands in front of the wait"},
		{"PREEXIT ACQBULK EXIT", 0, "the trigger stands in front of the wait"},
		{"ACQBULK LDG.E PREEXIT ACQBULK EXIT", 0, "2 waits and 1 triggers, want one of each"},
		{"LDG.E STG.E EXIT", 1, "STG.E stands in front of the wait"},
	} {
		text := "\n        " + strings.Join(strings.Fields(c.ops), " ;\n        ") + " ;\n"
		if early, fault := dependencies(text); early != c.early || fault != c.fault {
			t.Errorf("%s: have %d, %q", c.ops, early, fault)
		}
	}
}
