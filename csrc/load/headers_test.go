package load

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// headers lists the hand-made headers beside NVIDIA's own, which are in several folders of NVIDIA's
// wheels.
var headers = []struct {
	name  string // NAME of SK_NAME_FUNCTIONS and so on
	ours  string
	real  string
	more  []string // arguments of the compiler with the real header
	least int      // the lines that a comparison must have: an empty one must not pass
}{
	{"CUDA", "cuda.h", "cuda.h", nil, 120},
	{"NVRTC", "nvrtc.h", "nvrtc.h", nil, 10},
	{"CUDNN", "cudnn.h", "cudnn.h", nil, 280},
	// In C nccl.h needs nothing of the two headers, which need a wheel of their own.
	{"NCCL", "nccl.h", "nccl.h", []string{"-D__CUDA_FP16_H__", "-D__CUDA_BF16_H__", "-D__CUDA_BF16_TYPES_EXIST__"}, 40},
	{"NVTX", "nvtx.h", "nvtx3/nvToolsExt.h", nil, 40},
	{"CUPTI", "cupti.h", "cupti.h", nil, 25},
}

// newer are constants that are missing from older headers, by the version of cuDNN (CUDNN_VERSION)
// that brought them. Code that uses one checks the version first.
var newer = map[string]int{"CUDNN_ATTR_REDUCTION_IS_DETERMINISTIC": 91100}

// facts is a program that prints the value of every constant, the size of every type and the place
// of every member. Compiled with NVIDIA's header, it also checks that every function of the list
// has the same type there.
const facts = `#include <stdio.h>
#include <stddef.h>
#ifdef SK_REAL_HEADERS
#include "%[2]s"
#endif
#include "%[1]s"
#define CONSTANT(name, value) printf("%%s = %%lld\n", #name, (long long)(name));
#define SIZE(type) printf("sizeof %%s = %%zu\n", #type, sizeof(type));
#define MEMBER(type, member) printf("%%s.%%s at %%zu of %%zu\n", #type, #member, offsetof(type, member), sizeof(((type *)0)->member));
#ifdef SK_REAL_HEADERS
#define SAME(ret, name, args) _Static_assert(__builtin_types_compatible_p(__typeof__(&name), ret(*) args), "another type: " #name);
SK_%[3]s_FUNCTIONS(SAME, SAME)
#endif
int main(void) {
  SK_%[3]s_CONSTANTS(CONSTANT)
#ifdef SK_%[3]s_LAYOUTS
  SK_%[3]s_LAYOUTS(SIZE, MEMBER)
#endif
  return 0;
}
`

// TestRealHeaders compares every declaration with NVIDIA's headers. SHAKE_NVIDIA names a folder
// made by pip install --target.
func TestRealHeaders(t *testing.T) {
	root := os.Getenv("SHAKE_NVIDIA")
	if root == "" {
		t.Skip("SHAKE_NVIDIA names no folder of NVIDIA's wheels, so the declarations were not compared with the real headers")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	include := glob(root, "nvidia/*/include")
	for _, h := range headers {
		t.Run(h.name, func(t *testing.T) {
			var real string
			args := append([]string{"-Wall"}, h.more...)
			for _, dir := range include {
				args = append(args, "-I", dir)
				if exists(filepath.Join(dir, h.real)) {
					real = filepath.Join(dir, h.real)
				}
			}
			if real == "" {
				t.Fatalf("%s is in none of %v", h.real, include)
			}
			program := fmt.Sprintf(facts, filepath.Join(here, h.ours), real, h.name)
			theirsArgs := append(args[:len(args):len(args)], "-DSK_REAL_HEADERS")
			absent := map[string]bool{}
			if h.name == "CUDNN" {
				version := say(t, fmt.Sprintf("#include <stdio.h>\n#include %q\nint main(void) { printf(\"%%d\", CUDNN_VERSION); return 0; }", real), args)
				n, err := strconv.Atoi(version)
				if err != nil || n < 90000 {
					t.Fatalf("the header is of version %q", version)
				}
				for name, since := range newer {
					if n < since {
						absent[name] = true
						theirsArgs = append(theirsArgs, "-D"+name+"=0")
					}
				}
			}
			compared := func(facts string) string {
				lines := strings.Split(facts, "\n")
				return strings.Join(slices.DeleteFunc(lines, func(l string) bool { name, _, _ := strings.Cut(l, " = "); return absent[name] }), "\n")
			}
			have, want := compared(say(t, program, args)), compared(say(t, program, theirsArgs))
			if have != want {
				theirs := strings.Split(want, "\n")
				for i, line := range strings.Split(have, "\n") {
					if i >= len(theirs) || line != theirs[i] {
						t.Errorf("ours: %s, NVIDIA's: %s", line, theirs[min(i, len(theirs)-1)])
					}
				}
			}
			if n := strings.Count(have, "\n"); n < h.least {
				t.Errorf("only %d lines were compared:\n%s", n, have)
			}
		})
	}
}

// say compiles a program and returns its output.
func say(t *testing.T, program string, args []string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "facts")
	c := exec.Command("cc", append(args, "-x", "c", "-", "-o", exe)...)
	c.Stdin = strings.NewReader(program)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
