package cpu

import "testing"

// TestChannels copies channels that are no whole blocks.
func TestChannels(t *testing.T) {
	everyGeometry(t, 12, func(f *fixture) {
		c, front := f.someC(), f.IntN(20)
		s := ChannelsSpec{X: f.tensor(front + c + f.IntN(20)), XOff: front, C: c, Y: f.tensor(c + f.IntN(20))}
		before := all(s.Y)
		op, err := NewChannels(f.p, s)
		if err != nil {
			f.Fatal(err)
		}
		op.Run(f.b)
		f.nearTensor(s.Y, 0, s.Y.C, before, func(n, ch, p int) float64 {
			if ch >= c {
				return 0
			}
			return s.X.at(n, front+ch, p)
		})
	})
}
