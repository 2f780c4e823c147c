package cuda

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestConversions checks storing and loading to the bit. Loading covers every 16-bit number;
// storing covers the numbers at, just above and just below every midpoint.
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
