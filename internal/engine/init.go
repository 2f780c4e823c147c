package engine

import (
	"shake/internal/graph"
	"shake/internal/rng"
)

// InitTensors draws the initial parameters of g, in the order of g.Params and under their names,
// rounded to float32 as every device stores them. Element j of parameter p comes from the words of
// counter (0, p, j/4, Init): normals pairwise (0,1 and 2,3) by rng.Normal, uniforms 2u-1 times the
// scale from one word each. The bits are the same on every platform.
func InitTensors(g *graph.Graph, seed uint64) []Tensor {
	ts := make([]Tensor, len(g.Params))
	for p, param := range g.Params {
		ts[p] = Tensor{Name: param.Name, Shape: append([]int(nil), param.Shape...), F32: make([]float32, param.Elements())}
		initialize(ts[p].F32, seed, uint32(p), param.Init)
	}
	return ts
}

func initialize(w []float32, seed uint64, p uint32, in graph.Init) {
	switch in.Kind {
	case graph.InitZero:
		return
	case graph.InitOne:
		for j := range w {
			w[j] = 1
		}
		return
	}
	for j := 0; j < len(w); j += 4 {
		u := rng.Philox(seed, [4]uint32{0, p, uint32(j / 4), uint32(rng.Init)})
		var v [4]float64
		if in.Kind == graph.InitNormal {
			v[0], v[1] = rng.Normal(u[0], u[1])
			v[2], v[3] = rng.Normal(u[2], u[3])
		} else {
			for k := range v {
				v[k] = 2*rng.Uniform(u[k]) - 1
			}
		}
		for k := 0; k < 4 && j+k < len(w); k++ {
			w[j+k] = float32(in.Scale * v[k])
		}
	}
}
