package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestHead(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	cases(func(name string, s Shape, n, i int) {
		classes := []int{10, 3, 100, 1, 7, 12, 33}[i]
		testHead(t, r, fmt.Sprintf("%s, %d classes", name, classes), s, n, i, classes)
	})
}

func testHead(t *testing.T, r *rand.Rand, name string, s Shape, n, i, classes int) {
	l := layouts[i]
	const images = 9
	x := view{View: View{Slice: Slice{Off: l.off, C: l.c, Pitch: l.pitch}, ReLU: i%2 == 0}, t: newTensor(r, s, n, l.pitch)}
	if i%3 != 2 {
		x.Norm, x.m = &NormRef{C: l.c}, newNorm(r, l.c, s.Replicas)
	}
	spec := HeadSpec{Shape: s, X: x.View, Classes: classes, WOff: 5, BOff: 5 + classes*l.c, Train: i != 1, Mask: x.ReLU, Accumulate: i%4 == 2, Smoothing: float64(i%3) / 4, Mixed: i%2 == 1}
	params := randoms(r, F32, spec.BOff+classes+3, 0, 0.3)
	dx := newTensor(r, s, n, l.out)
	if spec.Train && i != 3 {
		spec.DX = ptr(Slice{Buf: 3, Off: l.outOff, C: l.c, Pitch: l.out})
	}
	before := tensor{dx.clone(), s, l.out}
	labels, index := &memory{typ: BF16}, []int{}
	for range images {
		labels.data = append(labels.data, byte(r.IntN(classes)), 0)
	}
	for range n {
		index = append(index, r.IntN(images))
	}
	weight := []float64{0.25, 0.75, 0.5}[i%3]
	if spec.Mixed = spec.Mixed && spec.Train; spec.Mixed {
		for range n {
			index = append(index, r.IntN(images))
		}
		index = append(append(index, make([]int, n)...), int(math.Float32bits(float32(weight))))
	} else {
		weight = 1
	}
	var sc *memory
	global, lossScale := n, 1.0
	if i == 4 {
		lossScale, global = 512, 2*n
		sc = floats(lossScale, 1/lossScale, 0, 0)
	}
	zeros := func(n int) *memory { return newMemory(F32, make([]float64, n)) }
	pooled, dlogits, loss, wrong, logits := zeros(n*l.c), zeros(n*classes), zeros(n), zeros(n), zeros(n*classes)
	args := map[string]any{"step": Step{Images: uint32(global)}.memory(), "scaler": nil, "x": x.t.memory, "norm": x.m.arg(), "labels": labels, "index": ints(index...), "params": params,
		"mean": pooled, "dlogits": dlogits, "loss": loss, "wrong": wrong, "logits": logits, "dx": nil, "n": n}
	if sc != nil {
		args["scaler"] = sc
	}
	if spec.DX != nil {
		args["dx"] = dx.memory
	}
	run(t, spec, n, args)

	hw := s.H * s.W
	wantD := make([][]float64, n)
	for im := range n {
		label := int(labels.data[2*index[im]])
		other, counted := label, label
		if spec.Mixed {
			other = int(labels.data[2*index[n+im]])
		}
		if weight < 0.5 {
			counted = other
		}
		m, z := make([]float64, l.c), make([]float64, classes)
		for c := range m {
			for p := range hw {
				v, _ := x.value(im, n, p, c)
				m[c] += v / float64(hw)
			}
		}
		top, best := math.Inf(-1), 0
		for k := range z {
			z[k] = params.at(spec.BOff + k)
			for c := range m {
				z[k] += params.at(spec.WOff+k*l.c+c) * m[c]
			}
			if h := logits.at(im*classes + k); math.Abs(h-z[k]) > 1e-4 {
				t.Fatalf("%s: image %d: want logit %d %v, have %v", name, im, k, z[k], h)
			}
			top = max(top, z[k])
			if logits.at(im*classes+k) > logits.at(im*classes+best) {
				best = k
			}
		}
		sum := 0.0
		for _, v := range z {
			sum += math.Exp(v - top)
		}
		smoothing := spec.Smoothing
		if !spec.Train {
			smoothing = 0
		}
		want := math.Log(sum) + top - (1-smoothing)*(weight*z[label]+(1-weight)*z[other])
		for _, v := range z {
			want -= smoothing / float64(classes) * v
		}
		if math.Abs(loss.at(im)-want) > 1e-4 {
			t.Fatalf("%s: image %d: want loss %v, have %v", name, im, want, loss.at(im))
		}
		if have := wrong.int(im) == 1; have != (best != counted) {
			t.Fatalf("%s: image %d: label %d, best %d, have wrong = %v", name, im, counted, best, have)
		}
		d := make([]float64, l.c)
		for k := range z {
			dz := math.Exp(z[k]-top)/sum - smoothing/float64(classes)
			if k == label {
				dz -= (1 - smoothing) * weight
			}
			if k == other {
				dz -= (1 - smoothing) * (1 - weight)
			}
			dz *= lossScale / float64(global)
			if !spec.Train {
				dz = 0
			}
			if have := dlogits.at(im*classes + k); math.Abs(have-dz) > 1e-5*lossScale {
				t.Fatalf("%s: image %d: want gradient of logit %d %v, have %v", name, im, k, dz, have)
			}
			for c := range d {
				d[c] += dz * params.at(spec.WOff+k*l.c+c) / float64(hw)
			}
		}
		for c := range m {
			want := m[c]
			if !spec.Train {
				want = 0
			}
			if have := pooled.at(im*l.c + c); math.Abs(have-want) > 1e-5*(1+math.Abs(want)) {
				t.Fatalf("%s: image %d: want mean %d %v, have %v", name, im, c, want, have)
			}
		}
		wantD[im] = d
	}
	out := Slice{Pitch: l.out} // no output
	if spec.DX != nil {
		out = *spec.DX
	}
	checkOutput(t, name, n, out, dx, before, func(im, p, c int) (v, size float64) {
		if spec.Accumulate {
			v = before.get(out, im, p, c)
		}
		if _, bare := x.value(im, n, p, c); !spec.Mask || bare > 0 {
			v += wantD[im][c]
		}
		return v, math.Abs(v) + 20*lossScale
	})
}

// TestHeadExtremes covers ties, logits that overflow an exponential, and NaN.
func TestHeadExtremes(t *testing.T) {
	const classes = 4
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		z     []float64
		label int
		loss  float64
		wrong int
	}{
		{"tie, lowest class right", []float64{1, 1, 1, 1}, 0, math.Log(4), 0},
		{"tie, second of equals", []float64{0, 2, 2, 0}, 2, math.Log(2 + 2*math.Exp(-2)), 1},
		{"huge", []float64{5000, 0, -5000, 4000}, 3, 1000, 1},
		{"NaN elsewhere", []float64{1, nan, 0, 0}, 0, nan, 1},
		{"NaN first", []float64{nan, 1, 0, 0}, 0, nan, 1},
	} {
		// W = 0, so the logits are the biases.
		params := floats(append(make([]float64, classes), c.z...)...)
		labels := &memory{BF16, []byte{byte(c.label), 0}}
		dlogits, loss, wrong := floats(9, 9, 9, 9), floats(9), floats(9)
		s := Slice{C: 1, Pitch: 1}
		spec := HeadSpec{Shape: Shape{F32, 1, 1, 1}, X: View{Slice: s}, Classes: classes, BOff: classes, Train: true}
		run(t, spec, 1, map[string]any{"step": Step{Images: 1}.memory(), "scaler": nil, "x": floats(1), "norm": nil, "labels": labels, "index": ints(0), "params": params,
			"mean": floats(9), "dlogits": dlogits, "loss": loss, "wrong": wrong, "logits": nil, "dx": nil, "n": 1})
		if h := loss.at(0); !(math.Abs(h-c.loss) < 1e-5*(1+c.loss)) && !(math.IsNaN(h) && math.IsNaN(c.loss)) || wrong.int(0) != c.wrong {
			t.Errorf("%s: want loss %v, wrong %d, have %v, %d", c.name, c.loss, c.wrong, h, wrong.int(0))
		}
		for k := range classes {
			if math.IsNaN(dlogits.at(k)) != math.IsNaN(c.loss) {
				t.Errorf("%s: gradient %d is %v", c.name, k, dlogits.at(k))
			}
		}
	}
}

func TestHeadGrad(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	for _, c := range []struct{ c, classes, n int }{{1, 1, 1}, {63, 3, 5}, {64, 10, 3}, {130, 100, 7}} {
		s := HeadGradSpec{C: c.c, Classes: c.classes, WOff: 3, BOff: 4 + c.c*c.classes}
		m, dz, g := randoms(r, F32, c.n*c.c, 0, 1), randoms(r, F32, c.n*c.classes, 0, 1), randoms(r, F32, s.BOff+c.classes+1, 0, 1)
		before := g.clone()
		run(t, s, c.n, map[string]any{"mean": m, "dlogits": dz, "grads": g, "n": c.n})
		want := make([]float64, g.len())
		for i := range want {
			want[i] = before.at(i)
		}
		for k := range c.classes {
			want[s.BOff+k] = 0
			for i := range c.n {
				want[s.BOff+k] += dz.at(i*c.classes + k)
			}
			for ch := range c.c {
				w := &want[s.WOff+k*c.c+ch]
				*w = 0
				for i := range c.n {
					*w += dz.at(i*c.classes+k) * m.at(i*c.c+ch)
				}
			}
		}
		for i := range want {
			if !near(F32, g.at(i), want[i], 5e-6) {
				t.Fatalf("%+v: gradient %d: want %v, have %v", c, i, want[i], g.at(i))
			}
		}
	}
}
