package engine

import (
	"math"

	"shake/internal/rng"
)

// Mix draws the mixup of a batch of len(partner) images (Zhang et al. 2018): image i becomes
//
//	weight * x[i] + (1-weight) * x[partner[i]]
//
// of augmented images, and its loss likewise that of both labels. Positions are those of the global
// batch, so that neither replicas nor cards change it. The weight is from Beta(a, a), a quotient
// g/(g+h) of two gamma variates. partner, which is overwritten, is a permutation as Permutation's,
// whose i-th swap takes word i%4 of counter (iteration, 1, i/4, Mixup).
func Mix(seed uint64, iteration uint32, a float64, partner []int32) (weight float64) {
	shuffle(partner, func(chunk uint32) [4]uint32 {
		return rng.Philox(seed, [4]uint32{iteration, 1, chunk, uint32(rng.Mixup)})
	})
	g, h := logGamma(seed, iteration, 0, a), logGamma(seed, iteration, 1, a)
	return 1 / (1 + rng.Exp(h-g))
}

// logGamma is the logarithm of a variate from Gamma(a, 1), by Marsaglia and Tsang's rejection for
// a+1 and a power of a uniform number (2000). Try j takes the words of counter (iteration, 0,
// which, Mixup chunk j): a normal, the uniform of the rejection, that of the power.
func logGamma(seed uint64, iteration uint32, which uint32, a float64) float64 {
	d := a + 2.0/3
	c := 1 / math.Sqrt(float64(9*d))
	for j := uint32(0); ; j++ {
		w := rng.Philox(seed, [4]uint32{iteration, 0, which, rng.Mixup.Word(j)})
		x, _ := rng.Normal(w[0], w[1])
		t := 1 + float64(c*x)
		if t <= 0 {
			continue
		}
		v := float64(float64(t*t) * t)
		most := float64(x*x)/2 + d - float64(d*v) + float64(d*rng.Log(v))
		if rng.Log(unit(w[2])) < most {
			return rng.Log(float64(d*v)) + rng.Log(unit(w[3]))/a
		}
	}
}

// unit maps a word to the middle of its part of (0, 1).
func unit(w uint32) float64 { return (float64(w) + 0.5) * (1.0 / (1 << 32)) }
