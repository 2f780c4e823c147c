package cuda

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// TestConversions holds storing and loading to the bit: every 16-bit number up, and down the numbers at, just above and just below every midpoint.
func TestConversions(t *testing.T) {
	for _, typ := range []Type{F16, BF16} {
		all := &memory{typ: typ}
		for h := range 1 << 16 {
			all.data = append(all.data, byte(h), byte(h>>8))
		}
		up := newMemory(F32, make([]float64, 1<<16))
		run(t, GatherSpec{From: typ, To: F32, Plain: true}, 1<<16, map[string]any{"x": all, "index": nil, "y": up, "n": 1 << 16})
		for h := range 1 << 16 {
			if have, want := up.at(h), all.at(h); have != want && !(math.IsNaN(have) && math.IsNaN(want)) || math.Signbit(have) != math.Signbit(want) && !math.IsNaN(want) {
				t.Fatalf("%v: %#x up: want %v, have %v", typ, h, want, have)
			}
		}
		var down []float64
		for h := range 1<<15 - 1 {
			a, b := all.at(h), all.at(h+1)
			if math.IsNaN(a) || math.IsNaN(b) || math.IsInf(b, 0) {
				continue
			}
			mid := float32((a + b) / 2)
			down = append(down, a, float64(mid), float64(math.Nextafter32(mid, 0)), -float64(math.Nextafter32(mid, 1e38)))
		}
		down = append(down, math.Inf(1), math.Inf(-1), math.NaN(), 0, math.Copysign(0, -1), math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32,
			65519.996, 65520, -65520, 65504, 0x1p-24, 0x1p-25, 0x1.000002p-25, 0x1p-14, 0x1.fffffep-15)
		x, y := newMemory(F32, down), newMemory(typ, make([]float64, len(down)))
		run(t, GatherSpec{From: F32, To: typ, Plain: true}, len(down), map[string]any{"x": x, "index": nil, "y": y, "n": len(down)})
		for i, v := range down {
			want := binary.LittleEndian.Uint16(encode(nil, typ, v))
			if math.IsNaN(v) {
				want = 0x7fff
			}
			if have := binary.LittleEndian.Uint16(y.data[2*i:]); have != want {
				t.Fatalf("%v: %x down: want %#x, have %#x", typ, v, want, have)
			}
		}
	}
}

func TestGather(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, typ := range []Type{F32, BF16} {
		x := randoms(r, F32, 50, 0, 1)
		index := []int{}
		for range 1003 {
			index = append(index, r.IntN(51)-1)
		}
		y := randoms(r, typ, len(index), 0, 1)
		run(t, GatherSpec{From: F32, To: typ}, len(index), map[string]any{"x": x, "index": ints(index...), "y": y, "n": len(index)})
		for i, j := range index {
			want := 0.0
			if j >= 0 {
				want = rounded(typ, x.at(j))
			}
			if y.at(i) != want {
				t.Fatalf("%v: element %d from %d: want %v, have %v", typ, i, j, want, y.at(i))
			}
		}
	}
}

func TestCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 1000, 5000} {
		x, y := randoms(r, F32, 4*n, 0, 1), newMemory(F32, make([]float64, 4*n))
		run(t, CopySpec{}, n, map[string]any{"x": x, "y": y, "n": n})
		if string(x.data) != string(y.data) {
			t.Errorf("%d pieces: not the same", n)
		}
	}
}

// step is a Step as a kernel reads it.
func (s Step) memory() *memory {
	b, err := binary.Append(nil, binary.LittleEndian, s)
	if err != nil || len(b) != StepSize {
		panic("a step is not what it says")
	}
	return &memory{F32, b}
}

func TestSGD(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	scaler := func(scale float64, bad int) *memory {
		m := floats(scale, 1/scale, 0, 0)
		binary.LittleEndian.PutUint32(m.data[12:], uint32(bad))
		return m
	}
	for _, c := range []struct {
		name     string
		n        int
		nesterov bool
		copy     Type
		scaler   *memory
		scale    float64
	}{
		{"plain", 1, false, F32, nil, 1},
		{"nesterov, 16-bit copy", 1031, true, BF16, nil, 1},
		{"scaled", 5000, true, F16, scaler(1024, 0), 1024},
		{"bad step", 5000, true, F16, scaler(1024, 1), 1024},
	} {
		const decay, momentum, lr = 1e-2, 0.9, 0.3
		w, v, g := randoms(r, F32, c.n, 0, 1), randoms(r, F32, c.n, 0, 1), randoms(r, F32, c.n, 0, c.scale)
		cp := newMemory(c.copy, make([]float64, c.n))
		w0, v0, cp0 := w.clone(), v.clone(), cp.clone()
		run(t, SGDSpec{Momentum: momentum, WeightDecay: decay, Nesterov: c.nesterov, Copy: c.copy}, c.n,
			map[string]any{"step": Step{LR: lr}.memory(), "scaler": c.scaler, "w": w, "v": v, "g": g, "copy": cp, "n": c.n})
		if c.name == "bad step" {
			if string(w.data) != string(w0.data) || string(v.data) != string(v0.data) || string(cp.data) != string(cp0.data) {
				t.Errorf("%s: something changed", c.name)
			}
			continue
		}
		for i := range c.n {
			d := g.at(i)/c.scale + float64(float32(decay))*w0.at(i)
			m := float64(float32(momentum))*v0.at(i) + d
			step := m
			if c.nesterov {
				step = d + float64(float32(momentum))*m
			}
			want := w0.at(i) - float64(float32(lr))*step
			if !near(F32, v.at(i), m, 2e-6) || !near(F32, w.at(i), want, 2e-6) {
				t.Fatalf("%s: element %d: want %v and %v, have %v and %v", c.name, i, want, m, w.at(i), v.at(i))
			}
			if c.copy != F32 && cp.at(i) != rounded(c.copy, w.at(i)) {
				t.Fatalf("%s: copy %d: want %v, have %v", c.name, i, rounded(c.copy, w.at(i)), cp.at(i))
			}
		}
	}
}

// TestLossScale walks a scaler through good and bad steps.
func TestLossScale(t *testing.T) {
	s := floats(8, 0.125, 0, 0)
	state := func() Scaler {
		var out Scaler
		if _, err := binary.Decode(s.data, binary.LittleEndian, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i, c := range []struct {
		g    []float64
		want Scaler
	}{
		{[]float64{1, 2, 3, 4, 5}, Scaler{8, 0.125, 1, 0}},
		{[]float64{1, 2, 3, 4, 5}, Scaler{16, 1.0 / 16, 0, 0}},
		{[]float64{1, 2, 3, 4, math.NaN()}, Scaler{8, 0.125, 0, 0}},
		{[]float64{1, math.Inf(-1), 3, 4}, Scaler{4, 0.25, 0, 0}},
		{[]float64{math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32}, Scaler{4, 0.25, 1, 0}},
	} {
		run(t, FiniteSpec{}, len(c.g), map[string]any{"g": floats(c.g...), "scaler": s, "n": len(c.g)})
		run(t, RescaleSpec{Growth: 2}, 1, map[string]any{"scaler": s})
		if have := state(); have != c.want {
			t.Errorf("step %d: want %+v, have %+v", i, c.want, have)
		}
	}
}

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
