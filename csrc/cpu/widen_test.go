package cpu

import "testing"

// TestWiden copies channels that are no whole blocks, to the front of others and behind some.
func TestWiden(t *testing.T) {
	everyGeometry(t, 12, func(f *fixture) {
		c, front, behind := f.someC(), f.IntN(20), f.IntN(20)
		s := WidenSpec{X: f.tensor(front + c + f.IntN(20)), XOff: front, C: c, YOff: f.IntN(2) * f.IntN(40)}
		s.End = s.YOff + c + behind
		s.Y = f.tensor(s.End + f.IntN(40))
		end := min(blocks(s.End)*lanes, s.Y.C)
		before := all(s.Y)
		op, err := NewWiden(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(s.Y, s.YOff, end-s.YOff, before, func(n, ch, p int) float64 {
			if ch >= c {
				return 0
			}
			return s.X.at(n, front+ch, p)
		})
	})
}
