package cpu

import (
	"testing"
)

// data makes a data set of images of c planes in the fixture's size.
func (f *fixture) data(images, c, pad int) AugmentSpec {
	s := AugmentSpec{C: c, H: f.h, W: f.w, Pad: pad, Pix: make([]byte, images*c*f.h*f.w)}
	for i := range s.Pix {
		s.Pix[i] = byte(f.IntN(256))
	}
	for range c {
		s.Mean, s.Std = append(s.Mean, 100+50*f.Float64()), append(s.Std, 30+50*f.Float64())
	}
	return s
}

func TestAugment(t *testing.T) {
	everyGeometry(t, 24, func(f *fixture) {
		const images = 4
		c := []int{3, 1, 17}[f.IntN(3)]
		s := f.data(images, c, f.IntN(14)) // padding beyond the image too
		a, err := NewAugment(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		index, flip, dy, dx := make([]int32, f.n), make([]uint8, f.n), make([]int8, f.n), make([]int8, f.n)
		for i := range index {
			index[i], flip[i] = int32(f.IntN(images)), uint8(f.IntN(2))
			dy[i], dx[i] = int8(f.IntN(2*s.Pad+1)), int8(f.IntN(2*s.Pad+1))
		}
		if f.IntN(3) == 0 {
			flip = nil
		}
		if f.IntN(3) == 0 {
			dy, dx = nil, nil
		}
		var holes [][2]Hole
		if f.IntN(2) == 0 {
			holes = f.holes()
		}
		draws := Draws{Flip: flip, DY: dy, DX: dx, Holes: holes}
		if f.IntN(2) == 0 {
			draws.Weight, draws.Partner = f.Float64(), make([]int32, f.n)
			for i := range draws.Partner {
				draws.Partner[i] = int32(f.IntN(f.n))
			}
		}
		x := f.tensor(c)
		before := all(x)
		if err := a.Run(f.b, index, draws, x); err != nil {
			f.Fatal(err)
		}
		plain := func(n, i, p int) float64 {
			y, col := p/f.w, p%f.w
			for k := 0; holes != nil && k < 2; k++ {
				if h := holes[n][k]; y >= int(h.Y0) && y < int(h.Y1) && col >= int(h.X0) && col < int(h.X1) {
					return 0
				}
			}
			if dy != nil {
				y, col = y+int(dy[n])-s.Pad, col+int(dx[n])-s.Pad
			}
			if y < 0 || y >= f.h || col < 0 || col >= f.w {
				return 0 // padded after normalising
			}
			if flip != nil && flip[n] != 0 {
				col = f.w - 1 - col
			}
			pix := s.Pix[((int(index[n])*c+i)*f.h+y)*f.w+col]
			return (float64(pix) - s.Mean[i]) / s.Std[i]
		}
		f.nearTensor(x, 0, c, before, func(n, i, p int) float64 {
			if draws.Partner == nil {
				return plain(n, i, p)
			}
			return draws.Weight*plain(n, i, p) + (1-draws.Weight)*plain(int(draws.Partner[n]), i, p)
		})
	})
}

// holes are two rectangles an image, some of them empty.
func (f *fixture) holes() [][2]Hole {
	holes := make([][2]Hole, f.n)
	for i := range holes {
		for k := range 2 {
			y, x := f.IntN(f.h+1), f.IntN(f.w+1)
			holes[i][k] = Hole{int16(y), int16(y + f.IntN(f.h-y+1)), int16(x), int16(x + f.IntN(f.w-x+1))}
		}
	}
	return holes
}

func TestAugmentErrors(t *testing.T) {
	f := newFixture(t, 3, 1)
	defer f.p.Close()
	defer f.a.Close()
	good := f.data(2, 3, 1)
	for name, change := range map[string]func(s *AugmentSpec){
		"no data":         func(s *AugmentSpec) { s.Pix = nil },
		"half an image":   func(s *AugmentSpec) { s.Pix = s.Pix[1:] },
		"no planes":       func(s *AugmentSpec) { s.C = 0 },
		"negative pad":    func(s *AugmentSpec) { s.Pad = -1 },
		"too much pad":    func(s *AugmentSpec) { s.Pad = 64 },
		"a missing mean":  func(s *AugmentSpec) { s.Mean = s.Mean[1:] },
		"a missing scale": func(s *AugmentSpec) { s.Std = nil },
	} {
		s := good
		change(&s)
		if _, err := NewAugment(f.p, s); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	a, err := NewAugment(f.p, good)
	if err != nil {
		t.Fatal(err)
	}
	n := f.n
	index, some := make([]int32, n), make([]int8, n)
	with := func(v int8) []int8 { s := make([]int8, n); s[n-1] = v; return s }
	hole := func(h Hole) [][2]Hole { s := make([][2]Hole, n); s[n-1][1] = h; return s }
	x, other := f.tensor(3), f.tensor(4)
	for name, run := range map[string]func() error{
		"short index":      func() error { return a.Run(f.b, index[1:], Draws{}, x) },
		"short flip":       func() error { return a.Run(f.b, index, Draws{Flip: make([]uint8, n-1)}, x) },
		"short offsets":    func() error { return a.Run(f.b, index, Draws{DY: some[1:], DX: some}, x) },
		"no such image":    func() error { return a.Run(f.b, append(make([]int32, n-1), 2), Draws{}, x) },
		"a negative image": func() error { return a.Run(f.b, append(make([]int32, n-1), -1), Draws{}, x) },
		"crop too far":     func() error { return a.Run(f.b, index, Draws{DY: some, DX: with(3)}, x) },
		"negative crop":    func() error { return a.Run(f.b, index, Draws{DY: with(-1), DX: some}, x) },
		"another shape":    func() error { return a.Run(f.b, index, Draws{}, other) },
		"short partners":   func() error { return a.Run(f.b, index, Draws{Partner: index[1:]}, x) },
		"no such partner":  func() error { return a.Run(f.b, index, Draws{Partner: append(make([]int32, n-1), int32(n))}, x) },
		"short holes":      func() error { return a.Run(f.b, index, Draws{Holes: make([][2]Hole, n-1)}, x) },
		"a hole too low":   func() error { return a.Run(f.b, index, Draws{Holes: hole(Hole{Y1: int16(f.h + 1)})}, x) },
		"a hole too far":   func() error { return a.Run(f.b, index, Draws{Holes: hole(Hole{X1: int16(f.w + 1)})}, x) },
		"a negative hole":  func() error { return a.Run(f.b, index, Draws{Holes: hole(Hole{X0: -1})}, x) },
	} {
		if run() == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	if err := a.Run(f.b, index, Draws{DY: some, DX: some}, x); err != nil {
		t.Errorf("a good batch: %v", err)
	}
}
