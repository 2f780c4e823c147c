package cuda

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"shake/internal/exhaustive"
)

// layouts are channel counts and their places in a buffer: whole buffers, slices, channels that no
// vector fits.
var layouts = []struct {
	c, off, pitch int // of the operands
	outOff, out   int // of the output
}{
	{16, 0, 16, 0, 16},
	{32, 32, 96, 0, 32},
	{24, 8, 40, 24, 48},
	{12, 4, 20, 0, 12},
	{3, 0, 8, 0, 3},
	{5, 1, 7, 2, 9},
	{296, 0, 296, 0, 296}, // 37 vectors of 8, a ragged chunk
}

// cases calls f for every layout with another type, map, batch and replicas each. make test leaves
// out two: a whole buffer, since there is a wider one, and three channels, since there are five.
func cases(f func(name string, s Shape, n int, l int)) {
	maps := [][2]int{{7, 5}, {8, 8}, {1, 1}, {3, 9}, {4, 4}, {1, 13}, {2, 2}}
	batches := []int{5, 1, 4, 7, 2, 3, 6}
	for i, l := range layouts {
		if (i == 0 || i == 4) && !exhaustive.On() {
			continue
		}
		s := Shape{Type: Type(i % 3), H: maps[i][0], W: maps[i][1], Replicas: i%3 + 1}
		f(fmt.Sprintf("%v %d channels from %d of %d, %dx%d, %d images, %d replicas", s.Type, l.c, l.off, l.pitch, s.H, s.W, batches[i], s.Replicas), s, batches[i], i)
	}
}

// checkOutput checks every element of a buffer: within slice y against want, elsewhere against its
// earlier value.
func checkOutput(t *testing.T, name string, n int, y Slice, have, before tensor, want func(i, p, c int) (value, size float64)) {
	t.Helper()
	for i := range n {
		for p := range have.shape.H * have.shape.W {
			for c := range y.Pitch {
				h := have.get(Slice{Pitch: y.Pitch}, i, p, c)
				if c < y.Off || c >= y.Off+y.C {
					if b := before.get(Slice{Pitch: y.Pitch}, i, p, c); h != b {
						t.Fatalf("%s: image %d, pixel %d: channel %d lies outside and became %v, was %v", name, i, p, c, h, b)
					}
					continue
				}
				if w, size := want(i, p, c-y.Off); !near(have.shape.Type, h, w, single(size)) {
					t.Fatalf("%s: image %d, pixel %d, channel %d: want %v, have %v", name, i, p, c-y.Off, w, h)
				}
			}
		}
	}
}

// normParams are the parameters of a norm: gamma_at and beta_at, each channel's indexes into the
// flat array. Channel 1, if any, is padding.
type normParams struct{ gammaAt, betaAt *memory }

func newNormParams(free *[]int, c int) normParams {
	g, b := slices.Clone((*free)[:c]), slices.Clone((*free)[c:2*c])
	*free = (*free)[2*c:]
	if c > 1 {
		g[1], b[1] = -1, -1
	}
	return normParams{ints(g...), ints(b...)}
}

// of is the two parameters of channel c.
func (p normParams) of(params *memory, c int) (gamma, beta float64) {
	if p.gammaAt.int(c) < 0 {
		return 0, 0
	}
	return params.at(p.gammaAt.int(c)), params.at(p.betaAt.int(c))
}

func scratch(k *Kernel, n int) *memory { return newMemory(F32, make([]float64, k.Scratch(n))) }

func counters(k *Kernel) *memory { return &memory{F32, make([]byte, 4*k.Counters())} }

// idle checks that the counters are zero again.
func idle(t *testing.T, m *memory) {
	t.Helper()
	for i := range m.len() {
		if m.int(i) != 0 {
			t.Errorf("counter %d is left at %d", i, m.int(i))
		}
	}
}

// closeTo compares relatively to a size, for numbers summed in float32 and merged in float64.
func closeTo(have, want, size float64) bool {
	return math.Abs(have-want) <= 2e-5*size+1e-30 || math.IsNaN(have) && math.IsNaN(want)
}
