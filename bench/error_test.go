package bench

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	kernel "shake/csrc/cpu"
	"shake/internal/data"
	"shake/internal/engine/cpu"
	"shake/internal/exhaustive"
	"shake/internal/report"
	"shake/internal/train"
	"shake/nets"
)

// errorGate bounds the error of the engine's choice of convolution, as a multiple of the error of
// direct float32 convolution.
const errorGate = 4

// TestConvErrors bounds the error against float64, relative rms, of every distinct convolution of
// every built-in net: forward, data gradient, weight gradient, with the engine's choice and direct
// throughout. The operands are like those of networks: activations behind a ReLU, freshly drawn
// weights, normal gradients. The reference is computed at a sample of each result's elements. make
// test has two nets of the paper, make check all. (SHAKE_CHECK=1 go test -v -run TestConvErrors
// ./bench prints them all.)
func TestConvErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("convolutions of real size")
	}
	seen := map[string]bool{}
	worst := [3]float64{}
	names := []string{"26-2x32d", "resnext29"}
	if exhaustive.On() {
		names = nets.Names()
	}
	for _, net := range names {
		for _, c := range convCases(t, net) {
			if seen[c.name] {
				continue
			}
			seen[c.name] = true
			s := newSample(c)
			chosen, direct := s.errors(t, false), s.errors(t, true)
			if chosen == direct {
				t.Logf("%-14s %-44s direct     y %.1e  dx %.1e  dw %.1e", net, c.name, direct[0], direct[1], direct[2])
				continue
			}
			ratio := [3]float64{}
			for i, what := range []string{"y", "dx", "dw"} {
				ratio[i] = chosen[i] / direct[i]
				worst[i] = max(worst[i], ratio[i])
				if !(ratio[i] <= errorGate) {
					t.Errorf("%s: %s: error %.1e, want at most %d times that of direct, %.1e", c.name, what, chosen[i], errorGate, direct[i])
				}
			}
			t.Logf("%-14s %-44s fast       y %.1e (%.1fx)  dx %.1e (%.1fx)  dw %.1e (%.1fx)", net, c.name,
				chosen[0], ratio[0], chosen[1], ratio[1], chosen[2], ratio[2])
		}
	}
	t.Logf("%d convolutions; worst of the transformed: y %.1fx, dx %.1fx, dw %.1fx of direct", len(seen), worst[0], worst[1], worst[2])
}

// sampled is how many elements of a result have a reference. The batch is of at least sampleImages
// images, and of so many that a weight gradient sums over samplePositions: the direct sum of fewer
// is exact but for its last rounding, and no bound for another algorithm.
const sampled, sampleImages, samplePositions = 1500, 2, 128

// sample is a convolution's operands, images one after the other in C×H×W order, and its results in
// float64 at random elements.
type sample struct {
	spec         kernel.ConvSpec
	x, dy, w     []float32
	iy, idx, idw []int // elements of y, dx and dw
	y, dx, dw    []float64
}

func newSample(c convCase) *sample {
	s := &sample{spec: c.spec}
	s.spec.N = max(sampleImages, samplePositions/(s.spec.P*s.spec.Q))
	r := rand.New(rand.NewPCG(1, 1))
	sp := &s.spec
	s.x, s.dy = make([]float32, sp.N*sp.XC*sp.H*sp.W), make([]float32, sp.N*sp.YC*sp.P*sp.Q)
	for i := range s.x {
		s.x[i] = float32(max(0, r.NormFloat64()))
	}
	for i := range s.dy {
		s.dy[i] = float32(r.NormFloat64())
	}
	for _, p := range sp.Parts {
		fan := p.C / p.Groups * p.R * p.S
		for range p.K * fan {
			s.w = append(s.w, float32(r.NormFloat64()*math.Sqrt(2/float64(fan))))
		}
	}
	for range sampled {
		s.iy, s.idx, s.idw = append(s.iy, r.IntN(len(s.dy))), append(s.idx, r.IntN(len(s.x))), append(s.idw, r.IntN(len(s.w)))
	}
	for i := range sampled {
		s.y, s.dx, s.dw = append(s.y, s.yAt(s.iy[i])), append(s.dx, s.dxAt(s.idx[i])), append(s.dw, s.dwAt(s.idw[i]))
	}
	return s
}

// xAt is x of image n at channel c, row i, column j; 0 outside.
func (s *sample) xAt(n, c, i, j int) float64 {
	if i < 0 || i >= s.spec.H || j < 0 || j >= s.spec.W {
		return 0
	}
	return float64(s.x[((n*s.spec.XC+c)*s.spec.H+i)*s.spec.W+j])
}

func (s *sample) yAt(at int) (sum float64) {
	sp := &s.spec
	q, p, k, n := at%sp.Q, at/sp.Q%sp.P, at/sp.Q/sp.P%sp.YC, at/sp.Q/sp.P/sp.YC
	for _, t := range sp.Parts {
		if k < t.YOff || k >= t.YOff+t.K {
			continue
		}
		cg := t.C / t.Groups
		for e := range cg * t.R * t.S {
			c, r, u := e/t.S/t.R, e/t.S%t.R, e%t.S
			from := t.XOff + (k-t.YOff)/(t.K/t.Groups)*cg + c
			sum += float64(s.w[t.WOff+(k-t.YOff)*cg*t.R*t.S+e]) * s.xAt(n, from, p*sp.Stride+r-t.PadH, q*sp.Stride+u-t.PadW)
		}
	}
	return sum
}

func (s *sample) dxAt(at int) (sum float64) {
	sp := &s.spec
	j, i, c, n := at%sp.W, at/sp.W%sp.H, at/sp.W/sp.H%sp.XC, at/sp.W/sp.H/sp.XC
	for _, t := range sp.Parts {
		if c < t.XOff || c >= t.XOff+t.C {
			continue
		}
		cg, kg := t.C/t.Groups, t.K/t.Groups
		for e := range kg * t.R * t.S {
			r, u := e/t.S%t.R, e%t.S
			k := (c-t.XOff)/cg*kg + e/t.S/t.R
			p, q := i+t.PadH-r, j+t.PadW-u
			if p < 0 || q < 0 || p%sp.Stride != 0 || q%sp.Stride != 0 || p/sp.Stride >= sp.P || q/sp.Stride >= sp.Q {
				continue
			}
			w := s.w[t.WOff+((k*cg+(c-t.XOff)%cg)*t.R+r)*t.S+u]
			sum += float64(w) * float64(s.dy[((n*sp.YC+t.YOff+k)*sp.P+p/sp.Stride)*sp.Q+q/sp.Stride])
		}
	}
	return sum
}

func (s *sample) dwAt(at int) (sum float64) {
	sp := &s.spec
	t := sp.Parts[0]
	for _, next := range sp.Parts[1:] {
		if at >= next.WOff {
			t = next
		}
	}
	at -= t.WOff
	cg := t.C / t.Groups
	u, r, c, k := at%t.S, at/t.S%t.R, at/t.S/t.R%cg, at/t.S/t.R/cg
	from := t.XOff + k/(t.K/t.Groups)*cg + c
	for n := range sp.N {
		for o := range sp.P * sp.Q {
			dy := s.dy[(n*sp.YC+t.YOff+k)*sp.P*sp.Q+o]
			sum += float64(dy) * s.xAt(n, from, o/sp.Q*sp.Stride+r-t.PadH, o%sp.Q*sp.Stride+u-t.PadW)
		}
	}
	return sum
}

// errors runs the convolution and returns the errors of y, dx and dw.
func (s *sample) errors(t *testing.T, direct bool) [3]float64 {
	t.Helper()
	p := kernel.NewPool(0)
	defer p.Close()
	sp := s.spec
	sp.Direct = direct
	xf, yf := kernel.TensorFloats(sp.N, sp.XC, sp.H, sp.W), kernel.TensorFloats(sp.N, sp.YC, sp.P, sp.Q)
	mem := arena(t, 2*xf+2*yf)
	defer mem.Close()
	x, dx := mem.Tensor(0, sp.N, sp.XC, sp.H, sp.W), mem.Tensor(xf, sp.N, sp.XC, sp.H, sp.W)
	y, dy := mem.Tensor(2*xf, sp.N, sp.YC, sp.P, sp.Q), mem.Tensor(2*xf+yf, sp.N, sp.YC, sp.P, sp.Q)
	in, out := len(s.x)/sp.N, len(s.dy)/sp.N
	for n := range sp.N {
		x.Set(n, s.x[n*in:(n+1)*in])
		dy.Set(n, s.dy[n*out:(n+1)*out])
	}
	c, err := kernel.NewConv(p, sp)
	if err != nil {
		t.Fatal(err)
	}
	b := kernel.NewBatch(p, sp.N, 1)
	b.Set(sp.N)
	dw := make([]float32, len(s.w))
	c.Pack(s.w)
	view := kernel.View{T: x, C: sp.XC}
	c.ForwardOp(view, y, nil).Run(b)
	c.BackwardOp(view, []kernel.Grad{{G: dy, C: sp.YC}}, &kernel.ConvDX{G: dx}, nil).Run(b, dw)
	var haveY, haveDX []float32
	for n := range sp.N {
		haveY, haveDX = append(haveY, y.Get(n)...), append(haveDX, dx.Get(n)...)
	}
	return [3]float64{relativeRMS(haveY, s.iy, s.y), relativeRMS(haveDX, s.idx, s.dx), relativeRMS(dw, s.idw, s.dw)}
}

// relativeRMS compares have[at[i]] with want[i].
func relativeRMS(have []float32, at []int, want []float64) float64 {
	var e, size float64
	for i, w := range want {
		e += (float64(have[at[i]]) - w) * (float64(have[at[i]]) - w)
		size += w * w
	}
	return math.Sqrt(e / size)
}

var (
	training  = flag.String("training", "", "folder or archive of CIFAR-10: TestShortTraining trains on it (a quarter of an hour of two cores for two seeds)")
	firstSeed = flag.Int("first", 1, "first seed of TestShortTraining")
	seeds     = flag.Int("seeds", 8, "how many seeds TestShortTraining trains with, from the first on; at least 3")
)

// TestShortTraining runs whole short trainings on real images, ten epochs of the net quick, by
// Winograd's transforms and direct. After half a dozen steps two runs that round differently share
// only their recipe, so only their ends can be compared. The mean test errors may differ, either
// way, by no more than the direct runs differ from each other. Nor may Welch's t tell the two
// apart: three standard errors.
//
//	go test -v -run TestShortTraining -timeout 3h ./bench -training data
func TestShortTraining(t *testing.T) {
	if *training == "" {
		t.Skip("no -training folder of CIFAR-10")
	}
	if *seeds < 3 {
		t.Fatalf("-seeds %d: want at least 3", *seeds)
	}
	spec, err := nets.Load("quick")
	if err != nil {
		t.Fatal(err)
	}
	real, err := nets.Load("26-2x32d")
	if err != nil {
		t.Fatal(err)
	}
	spec.Data, spec.Train.Epochs = real.Data, 10
	spec.Data.TrainImages, spec.Data.TestImages = 5000, 2000
	ends := map[string][]float64{}
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		for _, conv := range []string{"direct", "auto"} {
			spec.Seed, spec.Engine.Conv = uint64(seed), conv
			sets, err := data.Load(spec.Data, spec.Seed, *training)
			if err != nil {
				t.Fatal(err)
			}
			s, err := train.Run(t.Context(), train.Options{Spec: spec, Dir: fmt.Sprintf("%s/%s%d", t.TempDir(), conv, seed), Backend: cpu.Backend{}, Train: sets.Train, Test: sets.Test})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("seed %d %-6s: test error %.2f %%, test loss %.4f, training loss %.4f", spec.Seed, conv, s.TestError, s.TestLoss, s.TrainLoss)
			ends[conv] = append(ends[conv], s.TestError)
		}
	}
	direct, transformed := ends["direct"], ends["auto"]
	meanD, deviationD := report.MeanDeviation(direct)
	meanT, deviationT := report.MeanDeviation(transformed)
	spread := slices.Max(direct) - slices.Min(direct)
	welch, _, _ := report.Welch(transformed, direct)
	t.Logf("mean test error of %d seeds: direct %.2f %% (standard deviation %.2f, spread %.2f), transformed %.2f %% (%.2f); t = %.2f",
		len(direct), meanD, deviationD, spread, meanT, deviationT, welch)
	if d := math.Abs(meanT - meanD); !(d <= spread) || !(math.Abs(welch) < 3) {
		t.Errorf("the means differ by %.2f points, want at most %.2f, the spread of the direct runs; t = %.2f, want less than 3 either way", d, spread, welch)
	}
}
