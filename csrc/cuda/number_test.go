package cuda

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// format is a binary floating-point format: bits of the fraction, the least exponent of a normal
// number, the largest finite number.
type format struct {
	fraction, least int
	most            float64
}

var formats = map[Type]format{
	F32:  {23, -126, math.MaxFloat32},
	F16:  {10, -14, 65504},
	BF16: {7, -126, 0x1.fep127},
}

// rounded is x to nearest even in the format of t.
func rounded(t Type, x float64) float64 {
	f := formats[t]
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	_, e := math.Frexp(x) // |x| in [2^(e-1), 2^e)
	unit := math.Ldexp(1, max(e-1, f.least)-f.fraction)
	r := math.RoundToEven(x/unit) * unit
	if math.Abs(r) > f.most {
		return math.Copysign(math.Inf(1), x)
	}
	return r
}

// encode appends x, rounded, as stored.
func encode(b []byte, t Type, x float64) []byte {
	switch t {
	case F32:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
	case BF16:
		return binary.LittleEndian.AppendUint16(b, uint16(math.Float32bits(float32(rounded(t, x)))>>16))
	}
	r := rounded(t, x)
	var h uint16
	if math.Signbit(r) {
		h = 0x8000
	}
	switch a := math.Abs(r); {
	case math.IsNaN(r):
		h |= 0x7fff
	case math.IsInf(r, 0):
		h |= 0x7c00
	case a < 0x1p-14:
		h |= uint16(a * 0x1p24)
	default:
		m, e := math.Frexp(a)
		h |= uint16(e+14)<<10 | uint16(m*2048)&0x3ff
	}
	return binary.LittleEndian.AppendUint16(b, h)
}

// decode reads element i.
func decode(b []byte, t Type, i int) float64 {
	if t == F32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	h := binary.LittleEndian.Uint16(b[2*i:])
	if t == BF16 {
		return float64(math.Float32frombits(uint32(h) << 16))
	}
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	e, m := int(h>>10&31), float64(h&0x3ff)
	switch {
	case e == 31 && m != 0:
		return math.NaN()
	case e == 31:
		return sign * math.Inf(1)
	case e == 0:
		return math.Copysign(m*0x1p-24, sign)
	}
	return sign * math.Ldexp(1+m/1024, e-15)
}

// memory is one array as a kernel sees it.
type memory struct {
	typ  Type
	data []byte
}

func newMemory(t Type, values []float64) *memory {
	m := &memory{typ: t}
	for _, v := range values {
		m.data = encode(m.data, t, v)
	}
	return m
}

func (m *memory) len() int             { return len(m.data) / m.typ.Size() }
func (m *memory) at(i int) float64     { return decode(m.data, m.typ, i) }
func (m *memory) set(i int, v float64) { copy(m.data[i*m.typ.Size():], encode(nil, m.typ, v)) }
func (m *memory) clone() *memory       { return &memory{m.typ, append([]byte(nil), m.data...)} }

// randoms is n normal numbers as stored in t.
func randoms(r *rand.Rand, t Type, n int, mean, std float64) *memory {
	v := make([]float64, n)
	for i := range v {
		v[i] = mean + std*r.NormFloat64()
	}
	return newMemory(t, v)
}

// floats and ints are arrays of 4-byte numbers.
func floats(v ...float64) *memory { return newMemory(F32, v) }

func ints(v ...int) *memory {
	m := &memory{typ: F32}
	for _, i := range v {
		m.data = binary.LittleEndian.AppendUint32(m.data, uint32(int32(i)))
	}
	return m
}

func (m *memory) int(i int) int { return int(int32(binary.LittleEndian.Uint32(m.data[4*i:]))) }

// near reports whether have, as stored in t, is the rounding of some number within err of want.
func near(t Type, have, want, err float64) bool {
	if math.IsNaN(want) {
		return math.IsNaN(have)
	}
	return have >= rounded(t, want-err) && have <= rounded(t, want+err)
}

// single is the error of a few float32 operations on numbers of at most the given size.
func single(size float64) float64 { return 4e-7 * size }

func TestRounded(t *testing.T) {
	for _, c := range []struct {
		typ     Type
		x, want float64
	}{
		{BF16, 1 + 0x1p-8, 1}, {BF16, 1 + 0x1.8p-7, 1 + 0x1p-6}, {F16, 65519, 65504}, {F16, 65520, math.Inf(1)}, {F16, 0x1p-25, 0}, {F16, 0x1.8p-24, 0x1p-23}, {F32, 1 + 0x1p-24, 1},
	} {
		if have := rounded(c.typ, c.x); have != c.want {
			t.Errorf("%v %v: want %v, have %v", c.typ, c.x, c.want, have)
		}
	}
	for _, typ := range []Type{F16, BF16} {
		for h := range 1 << 16 {
			b := []byte{byte(h), byte(h >> 8)}
			x := decode(b, typ, 0)
			if back := encode(nil, typ, x); !math.IsNaN(x) && (back[0] != b[0] || back[1] != b[1]) {
				t.Fatalf("%v %#x: %v encodes as %x", typ, h, x, back)
			}
		}
	}
}

func (m *memory) int64(i int) int64 { return int64(binary.LittleEndian.Uint64(m.data[8*i:])) }
