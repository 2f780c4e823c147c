package cuda

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const dependent = `
#ifdef __CUDA_ARCH__
#define WAIT asm volatile("griddepcontrol.wait;" ::: "memory")
#define LAUNCH asm volatile("griddepcontrol.launch_dependents;")
#else
#define WAIT sk_griddepcontrol_wait()
#define LAUNCH sk_griddepcontrol_launch_dependents()
#endif
extern "C" __global__ void grow(int *p, int by) { WAIT; LAUNCH; p[threadIdx.x] += by; }
extern "C" __global__ void twice(int *p) { WAIT; LAUNCH; p[threadIdx.x] *= 2; }
`

// TestProgrammatic launches a chain of kernels that may start before those in front of them have
// ended: on a stream, and captured.
func TestProgrammatic(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	if err := ctx.Device().Programmatic(); err != nil {
		t.Skip(err) // a card before compute capability 9.0
	}
	s := must(ctx.NewStream())
	m := compiled(t, ctx, dependent)
	mem := must(ctx.Alloc(16))
	one := Launch{Grid: [3]uint32{1}, Block: [3]uint32{4}}
	behind := one
	behind.Programmatic = true
	first := must(must(m.Function("grow")).NewCall(one, mem.Ptr(), int32(3)))
	chain := []*Call{first, must(must(m.Function("twice")).NewCall(behind, mem.Ptr())), must(must(m.Function("grow")).NewCall(behind, mem.Ptr(), int32(1)))}
	run := func() error {
		for _, c := range chain {
			if err := c.Run(s); err != nil {
				return err
			}
		}
		return nil
	}
	have := make([]int32, 4)
	for _, err := range []error{s.Memset8(mem.Ptr(), 0, 16), run(), s.CopyToHost(Bytes(have), mem.Ptr())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(have, []int32{7, 7, 7, 7}) {
		t.Errorf("have %v", have)
	}
	for _, err := range []error{s.BeginCapture(CaptureThreadLocal), run()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	g := must(s.EndCapture())
	edges, err := g.Edges()
	if err != nil || len(edges) != 2 || !edges[0].Programmatic || !edges[1].Programmatic {
		t.Errorf("edges %v, %v", edges, err)
	}
	if dot, err := g.DOT(); err != nil || strings.Count(dot, "style=dashed") != 2 {
		t.Errorf("%s, %v", dot, err)
	}
	x := must(g.Instantiate())
	for _, err := range []error{x.Launch(s), x.Launch(s), s.CopyToHost(Bytes(have), mem.Ptr())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(have, []int32{49, 49, 49, 49}) {
		t.Errorf("have %v after two launches of the graph", have)
	}
	behind.Cooperative = true
	if err := chain[1].SetLaunch(behind); !errors.Is(err, ErrInvalidValue) || !strings.Contains(err.Error(), "either cooperative or programmatic") {
		t.Errorf("both: %v", err)
	}
}

// TestProgrammaticRefused: a card, a driver, or a driver without the function, that cannot.
func TestProgrammaticRefused(t *testing.T) {
	for _, c := range []struct {
		name, settings, want string
		macros               []string
	}{
		{"card", "", "need a card of compute capability 9.0, and Null has 8.9", []string{"-DSK_NULL_CAPABILITY=89"}},
		{"driver", "SK_NULL_VERSION=12020", "a driver of CUDA 12.3 (545) or newer, and this one is for CUDA 12.2", nil},
		{"function", "", "a driver of CUDA 12.3 (545) or newer", []string{"-DSK_NULL_OLD"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := ""
			if !inChild(t) {
				dir = t.TempDir()
				buildNull(t, dir, c.macros...)
			}
			if !child(t, dir, c.settings) {
				return
			}
			ctx := current(t)
			f := must(must(ctx.LoadModule([]byte("ptx"))).Function("two"))
			l := Launch{Grid: [3]uint32{8}, Block: [3]uint32{256}, Programmatic: true}
			_, err := f.NewCall(l, Ptr(0), float32(0))
			for _, err := range []error{ctx.Device().Programmatic(), err} {
				if !errors.Is(err, ErrNotSupported) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("have %v, want %q", err, c.want)
				}
			}
			l.Programmatic = false
			if _, err := f.NewCall(l, Ptr(0), float32(0)); err != nil {
				t.Error(err)
			}
		})
	}
}
