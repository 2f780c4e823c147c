package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"shake/internal/engine"
	"shake/internal/graph"
)

func TestStats(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	cases(func(name string, s Shape, n, i int) { testStats(t, r, name, s, n, i) })
	// Many images a chunk; more pixels than parts; a replica without images.
	testStats(t, r, "300 images", Shape{F32, 2, 3, 2}, 300, 4)
	testStats(t, r, "large map", Shape{BF16, 40, 40, 1}, 1, 0)
	testStats(t, r, "3 replicas of 2 images", Shape{F16, 3, 3, 3}, 2, 2)
}

func testStats(t *testing.T, r *rand.Rand, name string, s Shape, n, i int) {
	l := layouts[i]
	const params = 2000
	// One norm of all channels but the last, if any are left, and one of all.
	spec := StatsSpec{Shape: s, X: Slice{Off: l.off, C: l.c, Pitch: l.pitch}, Norms: []StatsOf{{Off: 0, C: l.c, Norm: NormRef{Off: 3, C: l.c + 5}}}}
	if l.c > 8 {
		spec.Norms = append(spec.Norms, StatsOf{Off: 8, C: l.c - 8, Norm: NormRef{C: l.c - 8}})
	}
	free := r.Perm(params)
	x, flat := newTensor(r, s, n, l.pitch), randoms(r, F32, params, 1, 1)
	for k := range x.len() { // a large mean cancels in a sum of squares
		x.set(k, 0.01*x.at(k)+20)
	}
	k, err := spec.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	args := map[string]any{"x": x.memory, "params": flat, "partial": scratch(k, n), "counter": counters(k), "n": n}
	norms, before, running, was, parts := []norm{}, []norm{}, []*memory{}, []*memory{}, []normParams{}
	for j, o := range spec.Norms {
		m, run, p := newNorm(r, o.Norm.C, s.Replicas), randoms(r, F32, 2*s.Replicas*o.Norm.C, 0, 1), newNormParams(&free, o.Norm.C)
		norms, before, running, was, parts = append(norms, m), append(before, norm{m.clone(), m.c, m.replicas}), append(running, run), append(was, run.clone()), append(parts, p)
		args[fmt.Sprintf("gamma_at%d", j)], args[fmt.Sprintf("beta_at%d", j)] = p.gammaAt, p.betaAt
		args[fmt.Sprintf("norm%d", j)], args[fmt.Sprintf("running%d", j)] = m.memory, run
	}
	run(t, spec, n, args)
	idle(t, args["counter"].(*memory))
	for j, o := range spec.Norms {
		for rep := range s.Replicas {
			lo, hi := engine.ReplicaRange(n, s.Replicas, rep)
			for c := range o.Norm.C {
				var want [7]float64
				for a := range want {
					want[a] = before[j].get(a, rep, c)
				}
				wantMean, wantVar := was[j].at(rep*o.Norm.C+c), was[j].at((s.Replicas+rep)*o.Norm.C+c)
				within := c >= o.Norm.Off && c < o.Norm.Off+o.C && hi > lo
				if within {
					m, v, count := moments(x, spec.X.sub(o.Off+c-o.Norm.Off, 1), lo, hi)
					gamma, beta := parts[j].of(flat, c)
					want[mean], want[invstd] = m, 1/math.Sqrt(v+graph.NormEpsilon)
					want[scale], want[shift] = gamma*want[invstd], beta-m*gamma*want[invstd]
					if parts[j].gammaAt.int(c) >= 0 {
						wantMean += graph.NormMomentum * (m - wantMean)
						wantVar += graph.NormMomentum * (v*count/max(count-1, 1) - wantVar)
					}
				}
				size := 1.0
				if within {
					size += 20 * math.Abs(want[scale])
				}
				for a := range want {
					have := norms[j].get(a, rep, c)
					if !within && have != want[a] || !closeTo(have, want[a], size+math.Abs(want[a])) {
						t.Fatalf("%s: norm %d, replica %d, channel %d, array %d: want %v, have %v", name, j, rep, c, a, want[a], have)
					}
				}
				haveMean, haveVar := running[j].at(rep*o.Norm.C+c), running[j].at((s.Replicas+rep)*o.Norm.C+c)
				if !closeTo(haveMean, wantMean, 0.1+math.Abs(wantMean)) || !closeTo(haveVar, wantVar, 0.01+math.Abs(wantVar)) {
					t.Fatalf("%s: norm %d, replica %d, channel %d: want running %v and %v, have %v and %v", name, j, rep, c, wantMean, wantVar, haveMean, haveVar)
				}
			}
		}
	}
}

// moments are mean, biased variance and count of one channel of images lo .. hi-1.
func moments(x tensor, s Slice, lo, hi int) (m, v, count float64) {
	hw := x.shape.H * x.shape.W
	for i := lo; i < hi; i++ {
		for p := range hw {
			m += x.get(s, i, p, 0)
			count++
		}
	}
	m /= count
	for i := lo; i < hi; i++ {
		for p := range hw {
			d := x.get(s, i, p, 0) - m
			v += d * d
		}
	}
	return m, v / count, count
}
