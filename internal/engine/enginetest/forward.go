package enginetest

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"shake/internal/engine"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/nets"
)

// Forward holds the built-in networks that are the paper's rivals, at full size from their initial
// weights, to PyTorch's logits of two images (tools/vectors/forward.py). Networks other than the
// quick ones are exhaustive.
func Forward(t *testing.T, b engine.Backend, quick ...string) {
	data, err := testdata.ReadFile("testdata/forward.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][][]float64
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) < 9 {
		t.Errorf("logits of %d networks", len(want))
	}
	for name, logits := range want {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(quick, name) {
				exhaustive.Only(t)
			}
			forward(t, b, name, logits)
		})
	}
}

func forward(t *testing.T, b engine.Backend, name string, want [][]float64) {
	spec, err := nets.Load(name, "train.batch=2", "train.replicas=1")
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Compile(g, engine.ConfigOf(spec))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetState(engine.InitTensors(g, spec.Seed)); err != nil {
		t.Fatal(err)
	}
	if err := p.Load(nil, pictures(spec, 1000, len(want))); err != nil {
		t.Fatal(err)
	}
	have, err := p.Logits(0, len(want))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range want {
		diff, size := 0.0, 0.0
		for k, w := range row {
			d := float64(have[i*len(row)+k]) - w
			diff, size = diff+d*d, size+w*w
		}
		if d := math.Sqrt(diff / size); !(d <= 1e-5) {
			t.Errorf("image %d: want a distance of 1e-5 at most, have %.1e", i, d)
		}
	}
}
