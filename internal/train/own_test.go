package train

import (
	"testing"

	"shake/internal/engine"
)

// A tensor of an engine's own goes from a checkpoint to the same engine; other engines ignore it.
func TestOwnTensors(t *testing.T) {
	weight := engine.Tensor{Name: "w", Shape: []int{1}, F32: []float32{1}}
	own := engine.Tensor{Name: engine.Own + "loss_scale", Shape: []int{2}, F32: []float32{1024, 3}}
	with, without := []engine.Tensor{weight, own}, []engine.Tensor{weight}
	for _, whole := range []bool{true, false} {
		for _, c := range []struct {
			name        string
			have, state []engine.Tensor
			want        int
		}{
			{"both", with, with, 2}, {"only the file", with, without, 1}, {"only the program", without, with, 1},
		} {
			set, left, err := fit("file", c.have, c.state, whole)
			if err != nil || left != 0 || len(set) != c.want {
				t.Errorf("%s, whole %t: %d tensors set, %d left, %v; want %d", c.name, whole, len(set), left, err, c.want)
			}
		}
	}
	if ts := publicWeights(with); len(ts) != 1 || ts[0].Name != "w" {
		t.Errorf("weights for others: %v", ts)
	}
}
