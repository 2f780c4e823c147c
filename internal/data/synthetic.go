package data

import (
	"runtime"
	"sync"

	"shake/internal/engine"
	"shake/internal/rng"
)

// The splits of the built-in set: the iteration word of their counters.
const (
	splitTrain = 0
	splitTest  = 1
)

// The blocks of the built-in set's counters.
const (
	blockScene = 0
	blockNoise = 1
)

// Synthetic returns the first train and test images of the built-in set: 32×32 RGB, ten classes,
// label i mod 10.
//
// An image shows one shape of its class at a random place, size, angle and colour. The background
// is shaded and sometimes striped; there is clutter behind and in front, and noise. Image i is a
// function of (seed, split, i) alone, in integer arithmetic. It therefore has the same bits on
// every machine and for every number of images. A negative count is taken as 0.
func Synthetic(seed uint64, train, test int) (*engine.Images, *engine.Images) {
	return synthesize(seed, splitTrain, train), synthesize(seed, splitTest, test)
}

func synthesize(seed uint64, split uint32, n int) *engine.Images {
	im := newImages(max(n, 0), len(SyntheticNames), SyntheticMean, SyntheticStd)
	workers := min(runtime.GOMAXPROCS(0), im.N)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < im.N; i += workers {
				im.Labels[i] = uint16(i % len(SyntheticNames))
				paint(im.Pix[i*pixels:(i+1)*pixels], seed, split, uint32(i))
			}
		})
	}
	wg.Wait()
	return im
}

// stream reads the words of one image's counters in order.
type stream struct {
	seed    uint64
	counter [4]uint32
	words   [4]uint32
	next    uint32 // number of words taken
}

func newStream(seed uint64, split, block, image uint32) *stream {
	return &stream{seed: seed, counter: [4]uint32{split, block, image, 0}}
}

func (s *stream) word() uint32 {
	if s.next%4 == 0 {
		s.counter[3] = rng.Synthetic.Word(s.next / 4)
		s.words = rng.Philox(s.seed, s.counter)
	}
	s.next++
	return s.words[(s.next-1)%4]
}

// between returns an integer in lo..hi-1.
func (s *stream) between(lo, hi int32) int32 {
	return lo + int32(rng.Below(s.word(), uint32(hi-lo)))
}

// chance is true in num of den cases.
func (s *stream) chance(num, den uint32) bool { return rng.Below(s.word(), den) < num }

func (s *stream) color() (c rgb) {
	for i := range c {
		c[i] = s.between(0, 256)
	}
	return c
}

type rgb [3]int32

// canvas holds the three planes of an image before noise and clamping.
type canvas [3][side * side]int32

// paint draws image i of a split into dst, planes R, G, B.
func paint(dst []byte, seed uint64, split, image uint32) {
	var cv canvas
	s := newStream(seed, split, blockScene, image)
	back := s.color()
	ink := s.color()
	if distance(back, ink) < contrast {
		for i := range ink {
			ink[i] = (back[i] + 128) & 255
		}
	}
	cv.shade(s, back)
	things := s.between(2, 5)
	behind := s.between(1, things)
	for k := range things {
		if k == behind {
			cv.place(s, figures[image%uint32(len(figures))], ink)
		}
		cv.clutter(s)
	}
	cv.finish(dst, newStream(seed, split, blockNoise, image), s.between(4, 16))
}

// contrast is the least city-block distance of the shape's colour from the background's.
const contrast = 200

func distance(a, b rgb) (d int32) {
	for i := range a {
		d += max(a[i]-b[i], b[i]-a[i])
	}
	return d
}

// shade fills the canvas with a linear gradient around a colour and, in half the images, stripes.
func (cv *canvas) shade(s *stream, c rgb) {
	var gx, gy rgb
	for i := range c {
		gx[i], gy[i] = s.between(-320, 321), s.between(-320, 321) // per pixel, 1/256 of a level
	}
	st := newStripes(s)
	for y := range int32(side) {
		for x := range int32(side) {
			wave := st.at(x, y)
			for i := range c {
				cv[i][y*side+x] = c[i] + (gx[i]*(x-side/2)+gy[i]*(y-side/2))>>8 + wave
			}
		}
	}
}

// stripes is a triangle wave over the plane.
type stripes struct{ kx, ky, phase, height int32 }

func newStripes(s *stream) stripes {
	st := stripes{s.between(-40, 41), s.between(-40, 41), s.between(0, 256), s.between(8, 32)}
	if s.chance(1, 2) {
		st.height = 0
	}
	return st
}

// at returns the wave's height at a pixel, within ±height/2. One period is 256 units of phase.
func (st stripes) at(x, y int32) int32 {
	p := (x*st.kx + y*st.ky + st.phase) & 255
	return (max(p, 255-p) - 191) * st.height >> 7
}

// place draws one figure of the image's class.
func (cv *canvas) place(s *stream, f figure, ink rgb) {
	p := newPose(s, s.between(12*unit, 20*unit), s.between(12*unit, 20*unit), s.between(8*unit, 12*unit))
	st := newStripes(s)
	cv.draw(p, p.r*3/2, f, ink, st)
}

// clutter draws a small bar or disc anywhere.
func (cv *canvas) clutter(s *stream) {
	p := newPose(s, s.between(0, side*unit), s.between(0, side*unit), s.between(3*unit/2, 4*unit))
	ink := s.color()
	if s.chance(1, 3) {
		p.r = min(p.r, 5*unit/2)
		cv.draw(p, p.r+unit, disc, ink, stripes{})
		return
	}
	thick := s.between(unit/2, 5*unit/4)
	bar := func(u, v, r int32) int32 { return box(u, v, r, thick) }
	cv.draw(p, p.r+2*unit, bar, ink, stripes{})
}

// draw blends a figure into the canvas, its edge softened over one pixel. The figure ends within
// reach of its centre.
func (cv *canvas) draw(p pose, reach int32, f figure, ink rgb, st stripes) {
	x0, x1 := max(0, (p.x-reach)/unit), min(side-1, (p.x+reach)/unit)
	y0, y1 := max(0, (p.y-reach)/unit), min(side-1, (p.y+reach)/unit)
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			u, v := p.local(x, y)
			cover := min(max(f(u, v, p.r)+unit/2, 0), unit)
			if cover == 0 {
				continue
			}
			wave := st.at(x, y)
			for i := range ink {
				at := &cv[i][y*side+x]
				*at += (ink[i] + wave - *at) * cover >> 8
			}
		}
	}
}

// finish adds noise of the given height and clamps to bytes. One random word serves four
// neighbours.
func (cv *canvas) finish(dst []byte, s *stream, height int32) {
	for c := range cv {
		plane, out := &cv[c], dst[c*side*side:(c+1)*side*side]
		for i := 0; i < len(out); i += 4 {
			w := s.word()
			for k := i; k < i+4; k++ {
				noise := (int32(w&255) - 128) * height >> 7
				w >>= 8
				out[k] = byte(min(max(plane[k]+noise, 0), 255))
			}
		}
	}
}
