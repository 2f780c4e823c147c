package cpu

import (
	"strings"
	"testing"
)

func TestISA(t *testing.T) {
	was, err := ISA()
	if err != nil {
		t.Skip(err) // SHAKE_CPU names what this machine lacks
	}
	defer forceISA(was)
	if err := forceISA("avx1024"); err == nil || !strings.Contains(err.Error(), "want avx512, avx2 or portable") {
		t.Errorf("unknown set: %v", err)
	}
	if have, _ := ISA(); have != was {
		t.Errorf("a failed choice left %s, want %s", have, was)
	}
	if err := forceISA("portable"); err != nil {
		t.Fatal(err)
	}
	if have, _ := ISA(); have != "portable" {
		t.Errorf("have %s, want portable", have)
	}
}

func TestBatchReplicas(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	for _, c := range []struct{ n, replicas int }{{128, 2}, {80, 2}, {5, 3}, {1, 2}, {2, 3}} {
		b := NewBatch(p, 128, c.replicas)
		b.Set(c.n)
		total := int32(0)
		for r, count := range b.count {
			lo, hi := (r*c.n+c.replicas-1)/c.replicas, ((r+1)*c.n+c.replicas-1)/c.replicas
			if int(count) != hi-lo {
				t.Errorf("n=%d: replica %d of %d has %d images, want %d", c.n, r, c.replicas, count, hi-lo)
			}
			for i := lo; i < hi; i++ {
				if b.replica[i] != int32(r) {
					t.Errorf("n=%d: image %d in replica %d, want %d", c.n, i, b.replica[i], r)
				}
			}
			total += count
		}
		if int(total) != c.n || b.N() != c.n {
			t.Errorf("n=%d: %d images in all, N() = %d", c.n, total, b.N())
		}
	}
}

func TestTensorLayout(t *testing.T) {
	a := arenaOf(TensorFloats(2, 17, 2, 3))
	defer a.Close()
	x := a.Tensor(0, 2, 17, 2, 3)
	chw := make([]float32, 17*6)
	for i := range chw {
		chw[i] = float32(i + 1)
	}
	x.Set(1, chw)
	for i, v := range x.Get(1) {
		if v != chw[i] {
			t.Fatalf("value %d is %g, want %g", i, v, chw[i])
		}
	}
	// Channel 16, row 1, column 2 of image 1: block 1, position 5, lane 0.
	if v := a.Floats(2*6*16+(6+5)*16, 2); v[0] != chw[16*6+5] || v[1] != 0 {
		t.Errorf("block 1, position 5 starts %v, want [%g 0]", v, chw[16*6+5])
	}
	for _, v := range x.Get(0) {
		if v != 0 {
			t.Fatal("image 0 was written")
		}
	}
}

func TestMeasurePeak(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	if g := MeasurePeak(p); !(g > 0.01 && g < 1e5) {
		t.Errorf("%g GFLOP/s", g)
	}
}

func TestConvSpecErrors(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	whole := ConvPart{C: 4, K: 8, Groups: 1, R: 3, S: 3, PadH: 1, PadW: 1}
	edit := func(f func(*ConvPart)) []ConvPart { q := whole; f(&q); return []ConvPart{q} }
	for _, c := range []struct {
		name  string
		parts []ConvPart
		want  string
	}{
		{"no part", nil, "there must be a part"},
		{"size", edit(func(p *ConvPart) { p.R = 0 }), "below 1"},
		{"pad", edit(func(p *ConvPart) { p.PadW = -1 }), "below 0"},
		{"groups", edit(func(p *ConvPart) { p.Groups = 3 }), "3 groups do not divide"},
		{"channels", edit(func(p *ConvPart) { p.XOff = 1 }), "channels 1+4 of 4 inputs"},
		{"twice", []ConvPart{whole, whole}, "output channel 0 is written twice"},
		{"gap", edit(func(p *ConvPart) { p.K = 7 }), "no part writes output channel 7"},
	} {
		_, err := NewConv(p, ConvSpec{N: 1, XC: 4, H: 5, W: 5, YC: 8, P: 5, Q: 5, Stride: 1, Parts: c.parts})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", c.name, err, c.want)
		}
	}
}

func BenchmarkDispatch(b *testing.B) {
	pool := NewPool(0)
	defer pool.Close()
	for b.Loop() {
		dispatch(pool)
	}
}
