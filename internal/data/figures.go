package data

import "math"

// unit is one pixel in the fixed-point coordinates of the built-in set.
const unit = 256

// figure returns the signed distance in units, positive inside, of point (u, v) from the edge of a
// shape of radius r around the origin. Away from the edge it may be an underestimate.
type figure func(u, v, r int32) int32

// figures are the classes of the built-in set in label order.
var figures = [...]figure{
	disc,
	// ring
	func(u, v, r int32) int32 { l := length(u, v); return min(r-l, l-r*9/16) },
	// square
	func(u, v, r int32) int32 { return box(u, v, r*7/8, r*7/8) },
	// frame
	func(u, v, r int32) int32 {
		m := max(abs(u), abs(v))
		return min(r*7/8-m, m-r/2)
	},
	triangle,
	// cross
	func(u, v, r int32) int32 { return max(box(u, v, r, r/4), box(u, v, r/4, r)) },
	// tee
	func(u, v, r int32) int32 { return max(box(u, v+r*3/4, r, r/4), box(u, v, r/4, r)) },
	// corner
	func(u, v, r int32) int32 { return max(box(u, v+r*3/4, r, r/4), box(u+r*3/4, v, r/4, r)) },
	// crescent
	func(u, v, r int32) int32 { return min(r-length(u, v), length(u-r*9/16, v)-r*3/4) },
	// bars
	func(u, v, r int32) int32 { return min(r-abs(u), r*3/16-min(abs(v), abs(abs(v)-r*3/4))) },
}

func disc(u, v, r int32) int32 { return r*15/16 - length(u, v) }

// box is the axis-parallel rectangle of half-widths a and b.
func box(u, v, a, b int32) int32 { return min(a-abs(u), b-abs(v)) }

// triangle is equilateral, its corners 5r/4 from the origin; 887/1024 is sin 60 degrees.
func triangle(u, v, r int32) int32 {
	side := (887*abs(u) - 512*v) >> 10
	return r*5/8 - max(v, side)
}

func abs(x int32) int32 { return max(x, -x) }

// length is the integer part of the Euclidean norm. The sum of squares is exact in a float64 and
// its square root is correctly rounded on every machine, so the result has the same bits
// everywhere.
func length(u, v int32) int32 {
	return int32(math.Sqrt(float64(int64(u)*int64(u) + int64(v)*int64(v))))
}

// pose places a figure: centre and radius in units, rotation as a fraction of 1<<14, perhaps
// mirrored.
type pose struct {
	x, y, r  int32
	cos, sin int32
	mirror   bool
}

// newPose draws the rotation and the mirroring. The angle is 2 atan(k/128), at most 45 degrees
// either way, plus half a turn at random. Its sine and cosine are rational and need no
// trigonometric function, whose last bits differ between machines.
func newPose(s *stream, x, y, r int32) pose {
	k := s.between(-53, 54)
	p := pose{x: x, y: y, r: r}
	p.cos = (128*128 - k*k) << 14 / (128*128 + k*k)
	p.sin = 2 * 128 * k << 14 / (128*128 + k*k)
	if s.chance(1, 2) {
		p.cos, p.sin = -p.cos, -p.sin
	}
	p.mirror = s.chance(1, 2)
	return p
}

// local returns the centre of pixel (x, y) in the figure's own coordinates.
func (p pose) local(x, y int32) (u, v int32) {
	dx, dy := x*unit+unit/2-p.x, y*unit+unit/2-p.y
	u, v = (p.cos*dx+p.sin*dy)>>14, (p.cos*dy-p.sin*dx)>>14
	if p.mirror {
		u = -u
	}
	return u, v
}
