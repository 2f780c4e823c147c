package cuda

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

func TestMetrics(t *testing.T) {
	totals := &memory{F32, binary.LittleEndian.AppendUint64(make([]byte, 24), math.MaxUint64)}
	want := Totals{BadStep: -1}
	r := rand.New(rand.NewPCG(1, 4))
	for i, n := range []int{1, 300, 128, 3} {
		loss, wrong := randoms(r, F32, n, 2, 1), []int{}
		for j := range n {
			w := r.IntN(2)
			wrong = append(wrong, w)
			if i >= 2 && j == 0 {
				loss.set(j, math.NaN())
			}
			want.Images, want.Errors, want.Loss = want.Images+1, want.Errors+int64(w), want.Loss+loss.at(j)
		}
		if i == 2 {
			want.BadStep = 2
		}
		run(t, MetricsSpec{}, n, map[string]any{"step": Step{Iteration: uint32(i)}.memory(), "loss": loss, "wrong": ints(wrong...), "totals": totals, "n": n})
		var have Totals
		if _, err := binary.Decode(totals.data, binary.LittleEndian, &have); err != nil {
			t.Fatal(err)
		}
		if have.Images != want.Images || have.Errors != want.Errors || have.BadStep != want.BadStep || math.Abs(have.Loss-want.Loss) > 1e-9 || math.IsNaN(have.Loss) != math.IsNaN(want.Loss) {
			t.Errorf("after %d steps: want %+v, have %+v", i+1, want, have)
		}
	}
}
