package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph"
)

func TestNormEval(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for _, c := range []struct{ c, replicas int }{{1, 1}, {130, 3}} {
		free := r.Perm(400)
		flat, p, m, run0 := randoms(r, F32, 400, 1, 1), newNormParams(&free, c.c), newNorm(r, c.c, c.replicas), randoms(r, F32, 2*c.replicas*c.c, 3, 0.1)
		before := norm{m.clone(), m.c, m.replicas}
		run(t, NormEvalSpec{C: c.c, Replicas: c.replicas}, 1, map[string]any{"gamma_at": p.gammaAt, "beta_at": p.betaAt, "params": flat, "running": run0, "norm": m.memory})
		for rep := range c.replicas {
			for ch := range c.c {
				gamma, beta := p.of(flat, ch)
				s := gamma / math.Sqrt(run0.at(c.replicas*c.c+ch)+graph.NormEpsilon)
				for a := range 7 {
					want := before.get(a, rep, ch)
					switch a {
					case scale:
						want = s
					case shift:
						want = beta - run0.at(ch)*s
					}
					if !closeTo(m.get(a, rep, ch), want, 1e-2*math.Abs(want)) {
						t.Fatalf("replica %d, channel %d, array %d: want %v, have %v", rep, ch, a, want, m.get(a, rep, ch))
					}
				}
			}
		}
	}
}

// wholeParams are parameters of a norm without padding.
func wholeParams(free *[]int, c int) normParams {
	p := normParams{ints((*free)[:c]...), ints((*free)[c : 2*c]...)}
	*free = (*free)[2*c:]
	return p
}

// normCases are channels, replicas and images; some replicas have none.
var normCases = []struct{ c, replicas, n int }{{1, 1, 1}, {130, 3, 2}, {24, 2, 7}, {16, 2, 300}}

// TestNormSums takes sums of numbers some of which are nearly constant: their variance must not
// become negative.
func TestNormSums(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	const hw, off = 6, 3
	for _, c := range normCases {
		free := r.Perm(600)
		channels := c.c + off + 2
		flat, p, m, running := randoms(r, F32, 600, 1, 1), wholeParams(&free, c.c), newNorm(r, c.c, c.replicas), randoms(r, F32, 2*c.replicas*c.c, 1, 0.1)
		before, was := norm{m.clone(), m.c, m.replicas}, running.clone()
		sums := newMemory(F32, make([]float64, 2*c.replicas*channels))
		type stats struct{ mean, variance, count float64 }
		want := map[[2]int]stats{}
		for rep := range c.replicas {
			lo, hi := engine.ReplicaRange(c.n, c.replicas, rep)
			count := float64((hi - lo) * hw)
			for ch := range channels {
				width, sum, squares := []float64{1, 0, 1e-4}[ch%3], 0.0, 0.0
				about := r.NormFloat64()
				for range int(count) {
					x := about + width*r.NormFloat64()
					sum, squares = sum+x, squares+x*x
				}
				sums.set(2*rep*channels+ch, sum)
				sums.set((2*rep+1)*channels+ch, squares)
				if count > 0 {
					want[[2]int{rep, ch}] = stats{sum / count, max(0, squares/count-sum/count*sum/count), count}
				}
			}
		}
		run(t, NormSumsSpec{C: c.c, Off: off, Channels: channels, HW: hw, Replicas: c.replicas}, c.n,
			map[string]any{"gamma_at": p.gammaAt, "beta_at": p.betaAt, "params": flat, "sums": sums, "norm": m.memory, "running": running, "n": c.n})
		for rep := range c.replicas {
			for ch := range c.c {
				w := want[[2]int{rep, ch + off}]
				var arrays [7]float64
				for a := range arrays {
					arrays[a] = before.get(a, rep, ch)
				}
				wantMean, wantVar := was.at(rep*c.c+ch), was.at((c.replicas+rep)*c.c+ch)
				tolerance := 0.0
				if w.count > 0 {
					gamma, beta := p.of(flat, ch)
					inv := 1 / math.Sqrt(w.variance+graph.NormEpsilon)
					arrays[mean], arrays[invstd], arrays[scale], arrays[shift] = w.mean, inv, gamma*inv, beta-w.mean*gamma*inv
					wantMean += graph.NormMomentum * (w.mean - wantMean)
					wantVar += graph.NormMomentum * (w.variance*w.count/max(w.count-1, 1) - wantVar)
					// Rounding of the sums to float32 moves the variance by 1e-7 of the mean's
					// square, beside 1e-5.
					tolerance = 0.05 * w.mean * w.mean / (1 + w.variance/1e-5)
				}
				for a, want := range arrays {
					have := m.get(a, rep, ch)
					if w.count == 0 && have != want || !(math.Abs(have-want) <= (1e-5+tolerance)*(math.Abs(want)+math.Abs(arrays[scale]))) {
						t.Fatalf("%+v: replica %d, channel %d, array %d: want %v, have %v", c, rep, ch, a, want, have)
					}
				}
				if have := running.at(rep*c.c + ch); !closeTo(have, wantMean, 0.1) {
					t.Fatalf("%+v: replica %d, channel %d: running mean %v, want %v", c, rep, ch, have, wantMean)
				}
				if have := running.at((c.replicas+rep)*c.c + ch); !closeTo(have, wantVar, 1+w.mean*w.mean) {
					t.Fatalf("%+v: replica %d, channel %d: running variance %v, want %v", c, rep, ch, have, wantVar)
				}
			}
		}
	}
}

func TestNormAffine(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for _, c := range normCases {
		free := r.Perm(600)
		flat, p, m := randoms(r, F32, 600, 1, 1), wholeParams(&free, c.c), newNorm(r, c.c, c.replicas)
		before := norm{m.clone(), m.c, m.replicas}
		run(t, NormAffineSpec{C: c.c, Replicas: c.replicas}, c.n, map[string]any{"gamma_at": p.gammaAt, "beta_at": p.betaAt, "params": flat, "norm": m.memory})
		for rep := range c.replicas {
			for ch := range c.c {
				gamma, beta := p.of(flat, ch)
				for a := range 7 {
					want := before.get(a, rep, ch)
					switch a {
					case scale:
						want = gamma * before.get(invstd, rep, ch)
					case shift:
						want = beta - before.get(mean, rep, ch)*gamma*before.get(invstd, rep, ch)
					}
					if have := m.get(a, rep, ch); math.Abs(have-want) > 1e-6*(1+math.Abs(want)) || a != scale && a != shift && have != want {
						t.Fatalf("%+v: replica %d, channel %d, array %d: want %v, have %v", c, rep, ch, a, want, have)
					}
				}
			}
		}
	}
}

func TestNormBackwardReplicas(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 6))
	for _, c := range normCases {
		free := r.Perm(600)
		p, sums, grads := wholeParams(&free, c.c), randoms(r, F32, 2*c.replicas*c.c, 0, 1), randoms(r, F32, 600, 0, 1)
		want := make([]float64, grads.len())
		for i := range want {
			want[i] = grads.at(i)
		}
		for ch := range c.c {
			for which, m := range []*memory{p.gammaAt, p.betaAt} {
				sum := 0.0
				for rep := range c.replicas {
					if lo, hi := engine.ReplicaRange(c.n, c.replicas, rep); hi > lo {
						sum += sums.at((2*rep+which)*c.c + ch)
					}
				}
				want[m.int(ch)] = float64(float32(sum))
			}
		}
		run(t, NormBackwardReplicasSpec{C: c.c, Replicas: c.replicas}, c.n, map[string]any{"gamma_at": p.gammaAt, "beta_at": p.betaAt, "sums": sums, "grads": grads, "n": c.n})
		for i, w := range want {
			if have := grads.at(i); have != w {
				t.Fatalf("%+v: gradient %d: want %v, have %v", c, i, w, have)
			}
		}
	}
}
