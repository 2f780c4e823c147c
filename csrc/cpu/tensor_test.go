package cpu

import "testing"

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

func TestNewArenaTooLarge(t *testing.T) {
	a, err := NewArena(1 << 60)
	if err == nil {
		a.Close()
		t.Fatal("want an error for an arena of 4 EiB, have none")
	}
}
