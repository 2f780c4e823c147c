package gpu_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"shake/internal/engine/gpu"
	"shake/internal/graph/graphtest"
)

// The peaks are measured in every precision, on random numbers from 0.5 to 1 and -1 to -0.5.
func TestPeaks(t *testing.T) {
	require(t)
	half := func(b uint16) float64 { // of numbers with an exponent of -1
		return math.Copysign(math.Ldexp(float64(1024+b&0x3ff), int(b>>10&0x1f)-25), 1-2*float64(b>>15))
	}
	for _, c := range []struct {
		precision string
		size      int
		value     func([]byte) float64
	}{
		{"bf16", 2, func(b []byte) float64 {
			return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
		}},
		{"fp16", 2, func(b []byte) float64 { return half(binary.LittleEndian.Uint16(b)) }},
		{"tf32", 4, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }},
		{"fp32", 4, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }},
	} {
		p := program(t, gpu.Backend{Precision: c.precision}, graphtest.Small("26", 16, 1))
		const bytes = 5 << 20 // more than one copy
		b, err := gpu.Scattered(p, bytes)
		if err != nil {
			t.Fatal(err)
		}
		sum, n := 0.0, 0
		for i := 0; i < bytes; i += c.size {
			x := c.value(b[i:])
			if !(math.Abs(x) >= 0.5 && math.Abs(x) < 1) {
				t.Fatalf("%s: number %d is %g", c.precision, i/c.size, x)
			}
			sum, n = sum+x, n+1
		}
		if mean := sum / float64(n); math.Abs(mean) > 0.01 {
			t.Errorf("%s: the mean is %g", c.precision, mean)
		}
		peaks, err := gpu.Peaks(p)
		if err != nil || peaks.Copy <= 0 || peaks.Product <= 0 || !strings.HasSuffix(peaks.ProductName, " in "+c.precision) {
			t.Errorf("%s: %g bytes and %g multiply-adds a second of %q, %v", c.precision, peaks.Copy, peaks.Product, peaks.ProductName, err)
		}
	}
}
