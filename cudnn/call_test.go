package cudnn_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn"
	"shake/cudnn/cuda"
)

// fourteen is a plan of fourteen pointers in a library that does nothing.
func fourteen(b *testing.B) *cudnn.Plan {
	emu.Require(b)
	dir := b.TempDir()
	if out, err := exec.Command("cc", "-O2", "-shared", "-fPIC", "testdata/null.c", "-o", filepath.Join(dir, "libcudnn.so.9"), "-Wl,-soname,libcudnn.so.9").CombinedOutput(); err != nil {
		b.Skipf("no library that does nothing: %v: %s", err, out)
	}
	b.Setenv("SHAKE_LIBRARY_PATH", dir+":"+os.Getenv("SHAKE_LIBRARY_PATH"))
	c := open(b)
	d := cudnn.NHWC(1, 8, 1, 1, cudnn.F32)
	g := cudnn.NewGraph("fourteen")
	sum := g.Input("x0", d)
	for i := 1; i < 13; i++ {
		sum = g.Add(sum, g.Input(fmt.Sprint("x", i), d))
	}
	g.Store("y", sum, d)
	p, err := c.h.Plan(g)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.check(p.Close()) })
	if p.Engine() != "e0" {
		b.Skip("another cuDNN is open in this process: run this benchmark alone")
	}
	return p
}

// BenchmarkCall runs a plan of fourteen pointers through a library that does nothing, on the same
// pointers and on changing ones, beside an empty call of C. It needs a process to itself: go test
// -run '^$' -bench Call ./cudnn
func BenchmarkCall(b *testing.B) {
	b.Run("empty", func(b *testing.B) {
		for b.Loop() {
			cudnn.Thread()
		}
	})
	var ptrs [2][14]cuda.Ptr
	for i := range ptrs {
		for j := range ptrs[i] {
			ptrs[i][j] = cuda.Ptr(4096 * (1 + i + j))
		}
	}
	for i, name := range []string{"same pointers", "changing pointers"} {
		b.Run(name, func(b *testing.B) {
			p, at := fourteen(b), 0
			for b.Loop() {
				if err := p.Run(4096, ptrs[at][:]...); err != nil {
					b.Fatal(err)
				}
				at ^= i
			}
		})
	}
}
