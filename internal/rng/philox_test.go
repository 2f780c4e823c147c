package rng

import (
	"math"
	"testing"
)

// TestPhiloxKnownAnswers holds Philox to the published vectors of Random123 (kat_vectors,
// philox4x32 10).
func TestPhiloxKnownAnswers(t *testing.T) {
	const ones = 0xffffffff
	for _, c := range []struct {
		seed       uint64
		have, want [4]uint32
	}{
		{0, [4]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{ones<<32 | ones, [4]uint32{ones, ones, ones, ones}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0x299f31d0<<32 | 0xa4093822, [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if have := Philox(c.seed, c.have); have != c.want {
			t.Errorf("Philox(%x, %x): want %x, have %x", c.seed, c.have, c.want, have)
		}
	}
}

func TestUniformAndBelow(t *testing.T) {
	for _, c := range []struct {
		word, n uint32
		u       float64
		below   uint32
	}{
		{0, 9, 0, 0},
		{1<<32 - 1, 9, 1 - 1.0/(1<<24), 8},
		{1 << 31, 9, 0.5, 4},
		{1 << 31, 1, 0.5, 0},
		{0xff, 1 << 31, 0, 0x7f},
	} {
		if have := Uniform(c.word); have != c.u || float64(float32(have)) != have {
			t.Errorf("Uniform(%#x): want %v, exact in float32, have %v", c.word, c.u, have)
		}
		if have := Below(c.word, c.n); have != c.below {
			t.Errorf("Below(%#x, %d): want %d, have %d", c.word, c.n, c.below, have)
		}
	}
}

func TestWordKeepsChunksApart(t *testing.T) {
	seen := map[uint32]bool{}
	for p := Init; p <= Synthetic; p++ {
		for j := range uint32(100) {
			if w := p.Word(j); seen[w] {
				t.Fatalf("purpose %d chunk %d: its word %#x is taken", p, j, w)
			} else {
				seen[w] = true
			}
		}
		if p.Word(0) != uint32(p) {
			t.Errorf("purpose %d: want its first word to be itself, have %#x", p, p.Word(0))
		}
	}
}

// TestNormalFormula holds the polynomials to package math, at the ends of every range and between.
func TestNormalFormula(t *testing.T) {
	words := []uint32{0, 1, 2, 255, 1<<29 - 1, 1 << 29, 1<<29 + 1, 1<<30 - 1, 1 << 30, 1 << 31, 3 << 30, 1<<32 - 2, 1<<32 - 1, 0xb504f333, 0xb504f334}
	for i := range uint32(2000) {
		words = append(words, Philox(5, [4]uint32{i})[0])
	}
	for i, w0 := range words {
		w1 := words[(7*i+3)%len(words)]
		u, v := (float64(w0)+0.5)/(1<<32), float64(w1)/(1<<32)
		radius := math.Sqrt(-2 * math.Log(u))
		sin, cos := math.Sincos(2 * math.Pi * v)
		x, y := Normal(w0, w1)
		if math.Abs(x-radius*cos) > 1e-14 || math.Abs(y-radius*sin) > 1e-14 {
			t.Errorf("Normal(%#x, %#x): want %v, %v, have %v, %v", w0, w1, radius*cos, radius*sin, x, y)
		}
	}
}

// TestNormalBits pins the bits, which every platform must give; numpy gives them too
// (bench/peers/philox.py).
func TestNormalBits(t *testing.T) {
	sum := uint64(14695981039346656037)
	for i := range uint32(4096) {
		u := Philox(1, [4]uint32{i})
		x, y := Normal(u[0], u[1])
		for _, v := range []float64{x, y} {
			sum = (sum ^ math.Float64bits(v)) * 1099511628211
		}
	}
	if want := uint64(0x3c75b8cfafc06889); sum != want {
		t.Errorf("hash of 8192 normals: want %#x, have %#x", want, sum)
	}
}

func TestNormalMoments(t *testing.T) {
	const n = 1 << 16
	var m [5]float64
	cross := 0.0
	for i := range uint32(n) {
		u := Philox(3, [4]uint32{i})
		x, y := Normal(u[0], u[1])
		cross += x * y / n
		for k := range m {
			m[k] += math.Pow(x, float64(k)) / n
		}
	}
	variance := []float64{0, 1, 2, 15, 96} // of x^k
	for k, want := range []float64{1, 0, 1, 0, 3} {
		if math.Abs(m[k]-want) > 4*math.Sqrt(variance[k]/n) {
			t.Errorf("moment %d: want %v, have %v", k, want, m[k])
		}
	}
	if math.Abs(cross) > 4/math.Sqrt(n) {
		t.Errorf("covariance of a pair: want 0, have %v", cross)
	}
}
