package cuda

import (
	"math/rand/v2"
	"testing"
)

func TestCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 1000, 5000} {
		x, y := randoms(r, F32, 4*n, 0, 1), newMemory(F32, make([]float64, 4*n))
		run(t, CopySpec{}, n, map[string]any{"x": x, "y": y, "n": n})
		if string(x.data) != string(y.data) {
			t.Errorf("%d pieces: not the same", n)
		}
	}
}
