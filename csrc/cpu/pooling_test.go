package cpu

import (
	"math"
	"testing"
)

// TestPooling holds both directions of both pools to a loop in float64, on odd maps, windows that
// overlap, leave gaps and reach outside, and slices of a tensor.
func TestPooling(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		c, front := f.someC(), 16*f.IntN(2)
		s := PoolingSpec{Off: front, Max: f.IntN(2) == 0, R: 1 + f.IntN(3), S: 1 + f.IntN(3), Stride: 1 + f.IntN(3)}
		s.Pad = f.IntN(min(s.R, s.S)/2 + 1)
		if f.h+2*s.Pad < s.R || f.w+2*s.Pad < s.S {
			return
		}
		s.X = f.tensor(front + c)
		dx := f.tensor(c)
		h, w := f.h, f.w
		f.h, f.w = (h+2*s.Pad-s.R)/s.Stride+1, (w+2*s.Pad-s.S)/s.Stride+1
		s.Y = f.tensor(c)
		dy := f.tensor(c)
		before := all(s.Y)
		forward, err := NewPooling(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		forward.Run(f.b)
		windows := func(n, c, p int, g func(at int, factor float64)) {
			best, at := math.Inf(-1), -1
			for r := range s.R {
				for q := range s.S {
					i, j := p/f.w*s.Stride+r-s.Pad, p%f.w*s.Stride+q-s.Pad
					if i < 0 || i >= h || j < 0 || j >= w {
						continue
					}
					if v := s.X.at(n, front+c, i*w+j); v > best {
						best, at = v, i*w+j
					}
					if !s.Max {
						g(i*w+j, 1/float64(s.R*s.S))
					}
				}
			}
			if s.Max {
				g(at, 1)
			}
		}
		f.nearTensor(s.Y, 0, c, before, func(n, c, p int) (y float64) {
			windows(n, c, p, func(at int, factor float64) { y += factor * s.X.at(n, front+c, at) })
			return y
		})
		s.Y, s.DX = dy, dx
		backward, err := NewPooling(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		backward.Run(f.b)
		for n := range f.n {
			for c := range c {
				want := make([]float64, h*w)
				for p := range f.h * f.w {
					windows(n, c, p, func(at int, factor float64) { want[at] += factor * dy.at(n, c, p) })
				}
				for p, v := range want {
					f.near(dx.at(n, c, p), v, 1+4*math.Abs(v), "dx of image %d channel %d position %d", n, c, p)
				}
			}
		}
	})
}

// TestPoolingRefuses: operands that do not fit are an error.
func TestPoolingRefuses(t *testing.T) {
	f := newFixture(t, 1, 1)
	defer f.p.Close()
	defer f.a.Close()
	x, y := f.tensor(32), f.tensor(16)
	for name, s := range map[string]PoolingSpec{
		"no y":       {X: x, R: 1, S: 1, Stride: 1},
		"no x":       {Y: y, R: 1, S: 1, Stride: 1},
		"channels":   {X: x, Y: y, Off: 32, R: 1, S: 1, Stride: 1},
		"lanes":      {X: x, Y: y, Off: 8, R: 1, S: 1, Stride: 1},
		"window":     {X: x, Y: y, R: 0, S: 1, Stride: 1},
		"pad":        {X: x, Y: y, R: 3, S: 3, Stride: 1, Pad: 2},
		"maps":       {X: x, Y: y, R: 2, S: 2, Stride: 2, Pad: 1},
		"dx is wide": {X: x, Y: y, DX: x, R: 1, S: 1, Stride: 1},
	} {
		if _, err := NewPooling(f.p, s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewDropout(f.p, DropoutSpec{X: x, Off: 24, Y: y}); err == nil {
		t.Error("dropout of half a block: no error")
	}
	if _, err := NewWiden(f.p, WidenSpec{X: x, XOff: 20, C: 16, Y: y}); err == nil {
		t.Error("channels beyond the last: no error")
	}
}
