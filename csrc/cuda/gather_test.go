package cuda

import (
	"math/rand/v2"
	"testing"
)

func TestGather(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, typ := range []Type{F32, BF16} {
		x := randoms(r, F32, 50, 0, 1)
		index := []int{}
		for range 1003 {
			index = append(index, r.IntN(51)-1)
		}
		y := randoms(r, typ, len(index), 0, 1)
		run(t, GatherSpec{From: F32, To: typ}, len(index), map[string]any{"x": x, "index": ints(index...), "y": y, "n": len(index)})
		for i, j := range index {
			want := 0.0
			if j >= 0 {
				want = rounded(typ, x.at(j))
			}
			if y.at(i) != want {
				t.Fatalf("%v: element %d from %d: want %v, have %v", typ, i, j, want, y.at(i))
			}
		}
	}
}
