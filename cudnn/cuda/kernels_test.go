package cuda

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	f := must(compiled(t, ctx, everything).Function("everything"))
	if sizes, known := f.Parameters(); known && !slices.Equal(sizes, []int{8, 4, 4, 8, 8, 4, 8, 1, 1, 1, 2, 2}) {
		t.Errorf("parameters %v", sizes)
	}
	out := must(ctx.Alloc(88))
	one := Launch{Grid: [3]uint32{1}, Block: [3]uint32{1}}
	call := must(f.NewCall(one, out.Ptr(), int32(-7), uint32(1<<31), int64(-1<<40), uint64(1<<52), float32(0.1), math.Pi, int8(-128), uint8(200), true, int16(-32768), uint16(65535)))
	run := func(want ...float64) {
		t.Helper()
		have := make([]float64, 11)
		for _, err := range []error{s.Memset8(out.Ptr(), 0, 88), call.Run(s), s.CopyToHost(Bytes(have), out.Ptr())} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(have, want) {
			t.Errorf("have %v\nwant %v", have, want)
		}
	}
	run(-7, 1<<31, -1<<40, 1<<52, float64(float32(0.1)), math.Pi, -128, 200, 1, -32768, 65535)
	for i, v := range []any{int32(8), uint32(9), int64(10), uint64(11), float32(12), 13.0, int8(14), uint8(15), false, int16(17), uint16(18)} {
		if err := call.Set(i+1, v); err != nil {
			t.Fatal(err)
		}
	}
	run(8, 9, 10, 11, 12, 13, 14, 15, 0, 17, 18)
}

func TestModules(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	m := compiled(t, ctx, several)
	f := must(m.Function("shared"))
	if _, err := m.Function("absent"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"absent"`) {
		t.Errorf("no such kernel: %v", err)
	}
	if _, _, err := m.Global("absent"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such variable: %v", err)
	}
	factor, size, err := m.Global("factor")
	if err != nil || size != 8 {
		t.Fatalf("factor: %d bytes, %v", size, err)
	}
	if err := s.CopyToDevice(factor, Bytes([]float32{2, 10})); err != nil {
		t.Fatal(err)
	}
	a, err := f.Attributes()
	if err != nil || a.MaxThreads < 32 || a.Registers < 1 {
		t.Errorf("attributes %+v, %v", a, err)
	}
	blocks, err := f.Occupancy(64, 256)
	if err != nil || blocks < 1 || blocks > 32 {
		t.Errorf("occupancy %d, %v", blocks, err)
	}
	const n = 150
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	dx, dy := must(ctx.Alloc(4*n)), must(ctx.Alloc(4*n))
	run := func(shared uint32) error {
		call := must(f.NewCall(Launch{Grid: [3]uint32{3}, Block: [3]uint32{64}, Shared: shared}, dx.Ptr(), dy.Ptr(), int32(n)))
		defer call.Close()
		if err := call.Run(s); err != nil {
			return err
		}
		return s.CopyToHost(Bytes(y), dy.Ptr())
	}
	if err := s.CopyToDevice(dx.Ptr(), Bytes(x)); err != nil {
		t.Fatal(err)
	}
	if err := run(256); err != nil {
		t.Fatal(err)
	}
	for i := range y {
		j := i/64*64 + 63 - i%64
		want := 2 * float32(i)
		if j < n {
			want += 10 * float32(j)
		}
		if y[i] != want {
			t.Fatalf("y[%d]: have %v, want %v", i, y[i], want)
		}
	}
	if err := run(60 << 10); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("60 KiB of shared memory unasked: %v", err)
	}
	if err := f.SetMaxDynamicShared(60 << 10); err != nil {
		t.Error(err)
	}
	if err := run(60 << 10); err != nil {
		t.Errorf("60 KiB of shared memory: %v", err)
	}
	if err := f.SetMaxDynamicShared(1 << 30); !errors.Is(err, ErrInvalidValue) || !strings.Contains(err.Error(), "static and dynamic") {
		t.Errorf("a gigabyte of shared memory: %v", err)
	}

	for name, image := range map[string][]byte{"nonsense": []byte("nonsense, and more than enough of it"), "a script": []byte("#!/bin/sh")} {
		if _, err := ctx.LoadModule(image); !errors.Is(err, ErrInvalidImage) && !errors.Is(err, ErrInvalidPTX) {
			t.Errorf("%s as an image: %v", name, err)
		}
	}
	if major, _ := ctx.Device().ComputeCapability(); major != 8 {
		b := must(Compile(several, "test.cu", []string{"--gpu-architecture=sm_80"}))
		if _, err := ctx.LoadModule(b.Image); !errors.Is(err, ErrNoBinaryForGPU) || !strings.Contains(err.Error(), ctx.Device().Arch()) {
			t.Errorf("another architecture's code: %v", err)
		}
	}
}

func TestCooperative(t *testing.T) {
	if !onDevice(t) {
		return
	}
	ctx := current(t)
	s := must(ctx.NewStream())
	m := compiled(t, ctx, several)
	f := must(m.Function("count"))
	most := must(f.Occupancy(256, 0)) * ctx.Device().SMs()
	at, _, err := m.Global("counter")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		blocks int
		want   error
	}{{1, nil}, {min(most, 8), nil}, {most + 1, ErrCooperativeTooLarge}} {
		call := must(f.NewCall(Launch{Grid: [3]uint32{uint32(c.blocks)}, Block: [3]uint32{256}, Cooperative: true}))
		if err := s.Memset32(at, 0, 1); err != nil {
			t.Fatal(err)
		}
		if err := call.Run(s); !errors.Is(err, c.want) {
			t.Errorf("%d blocks: have %v, want %v", c.blocks, err, c.want)
		}
		n := make([]int32, 1)
		if err := s.CopyToHost(Bytes(n), at); err != nil || c.want == nil && int(n[0]) != 256*c.blocks {
			t.Errorf("%d blocks: counted %d, %v", c.blocks, n[0], err)
		}
	}
}
