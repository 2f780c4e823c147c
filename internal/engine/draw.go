package engine

import (
	"slices"

	"shake/dsl"
	"shake/internal/graph"
	"shake/internal/rng"
)

// Draw fills the scaling coefficients of one block for one iteration: alpha[k][i] of the forward
// pass and beta[k][i] of the backward pass, for branch k and image i of a global batch of n.
//
//	Even    1/branches
//	Shaken  two branches: u in [lo, hi) and 1-u; more: uniform on the simplex
//	Keep    beta = alpha
//	M1..M5  beta from alpha and a fresh r in [0, 1), the paper's Table 4
//	Drop    1 where the branch's gate is open, else uniform in the pass's range (ShakeDrop, Yamada et
//	        al. 2018): g + alpha - g alpha and g + beta - g beta with the gate g of both passes
//
// The counter of a draw is (iteration, block, index, Alpha or Beta): index is the image's position
// in the global batch at level Image, the replica's number at level Batch, where all images of the
// replica share the value. block is the index in graph.Graph.Blocks. alpha and beta hold at least
// b.Branches slices of at least n numbers and are overwritten.
func Draw(seed uint64, iteration uint32, block int, b graph.Block, n, replicas int, alpha, beta [][]float64) {
	one := func(i int, index uint32) {
		ctr := [4]uint32{iteration, uint32(block), index}
		drawForward(seed, ctr, b, i, alpha)
		drawBackward(seed, ctr, b, i, alpha, beta)
	}
	if b.Shake.Level == dsl.Image {
		for i := range n {
			one(i, uint32(i))
		}
		return
	}
	for r := range replicas {
		lo, hi := ReplicaRange(n, replicas, r)
		for i := lo; i < hi; i++ {
			one(i, uint32(r))
		}
	}
}

func drawForward(seed uint64, ctr [4]uint32, b graph.Block, i int, alpha [][]float64) {
	switch b.Shake.Forward {
	case dsl.Shaken:
		fresh(seed, ctr, rng.Alpha, b, i, alpha)
		return
	case dsl.Drop:
		for k := range b.Branches {
			gate, u := gated(seed, ctr, k)
			alpha[k][i] = 1
			if gate >= b.Open {
				alpha[k][i] = within(b.Shake.Range, u)
			}
		}
		return
	}
	for k := range b.Branches {
		alpha[k][i] = 1 / float64(b.Branches)
	}
}

func drawBackward(seed uint64, ctr [4]uint32, b graph.Block, i int, alpha, beta [][]float64) {
	switch b.Shake.Backward {
	case dsl.Shaken:
		fresh(seed, ctr, rng.Beta, b, i, beta)
	case dsl.Keep:
		for k := range b.Branches {
			beta[k][i] = alpha[k][i]
		}
	case dsl.Drop:
		for k := range b.Branches {
			gate, _ := gated(seed, ctr, k)
			ctr[3] = rng.Beta.Word(uint32(k))
			beta[k][i] = 1
			if gate >= b.Open {
				beta[k][i] = within(b.Shake.BackwardRange, rng.Uniform(rng.Philox(seed, ctr)[0]))
			}
		}
	case dsl.M1, dsl.M2, dsl.M3, dsl.M4, dsl.M5:
		ctr[3] = uint32(rng.Beta)
		r := rng.Uniform(rng.Philox(seed, ctr)[0])
		beta[0][i] = betaRule(b.Shake.Backward, alpha[0][i], r)
		beta[1][i] = 1 - beta[0][i]
	default:
		for k := range b.Branches {
			beta[k][i] = 1 / float64(b.Branches)
		}
	}
}

// gated returns two uniforms of branch k's forward draw: the gate is open where the first is below
// the block's Open, and the second draws the coefficient of a closed one.
func gated(seed uint64, ctr [4]uint32, k int) (gate, u float64) {
	ctr[3] = rng.Alpha.Word(uint32(k))
	w := rng.Philox(seed, ctr)
	return rng.Uniform(w[0]), rng.Uniform(w[1])
}

// within maps u in [0, 1) to a range.
func within(r [2]float64, u float64) float64 { return r[0] + float64(u*(r[1]-r[0])) }

// betaRule is beta of the paper's Table 4 (docs/paper.md, Draws) for the first of two branches.
// Products are rounded by a conversion so that no platform fuses them with the sum.
func betaRule(m dsl.Mode, alpha, r float64) float64 {
	low := alpha < 0.5
	switch {
	case m == dsl.M1:
		return 1 - alpha
	case m == dsl.M2 && low:
		return float64(r * alpha)
	case m == dsl.M2:
		return float64(r*(1-alpha)) + alpha
	case m == dsl.M3 && low:
		return float64(r*(0.5-alpha)) + alpha
	case m == dsl.M3:
		return float64(r*(alpha-0.5)) + 0.5
	case m == dsl.M4 && low:
		return float64(r*(0.5-alpha)) + 0.5
	case m == dsl.M4:
		return float64(r*(0.5-(1-alpha))) + (1 - alpha)
	case low:
		return float64(r*alpha) + (1 - alpha)
	default:
		return float64(r * (1 - alpha))
	}
}

// fresh writes a new draw of purpose p for image i. With more than two branches the coefficients
// are the spacings of sorted uniforms in [0, 1], which is the uniform distribution on the simplex
// and gives U[0, 1) for two; ratios u_k / sum(u) would not.
func fresh(seed uint64, ctr [4]uint32, p rng.Purpose, b graph.Block, i int, coef [][]float64) {
	if b.Branches == 2 {
		ctr[3] = uint32(p)
		coef[0][i] = within(b.Shake.Range, rng.Uniform(rng.Philox(seed, ctr)[0]))
		coef[1][i] = 1 - coef[0][i]
		return
	}
	var room [63]float64 // no allocation for as many branches as the language allows
	cuts := room[:0]
	var words [4]uint32
	for j := range b.Branches - 1 {
		if j%4 == 0 {
			ctr[3] = p.Word(uint32(j / 4))
			words = rng.Philox(seed, ctr)
		}
		cuts = append(cuts, rng.Uniform(words[j%4]))
	}
	slices.Sort(cuts)
	prev := 0.0
	for k, c := range cuts {
		coef[k][i] = c - prev
		prev = c
	}
	coef[len(cuts)][i] = 1 - prev
}
