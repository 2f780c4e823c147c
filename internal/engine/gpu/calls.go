package gpu

import (
	"fmt"

	"shake/internal/graph"
)

// Call is one cuDNN convolution within a graph.Conv. It reads the channels of x from XOff on and
// writes the channels of y from YOff on, both in whole lanes. The filter is K×R×S×(C/Groups); tap
// (r, s) of output (p, q) reads pixel (p*Stride+r-PadH, q*Stride+s-PadW).
type Call struct {
	XOff, C    int
	YOff, K    int
	Groups     int
	R, S       int
	PadH, PadW int
	Stride     int
	// An earlier call reads the same channels: this data gradient is added to that of the earlier
	// call
	Again  bool
	Filter Filter

	parts []graph.ConvPart
}

// Filter is the place of a call's weights.
type Filter struct {
	Offset int  // in numbers, from the beginning of the parameters or of the packed filters
	Packed bool // the place is in the packed filters
}

// Size is the number of weights.
func (c *Call) Size() int { return c.K * c.R * c.S * c.C / c.Groups }

// calls cuts a merged convolution into as few cuDNN convolutions as possible:
//
//   - parts that read the same channels become one; smaller windows become structured zeros of
//     the largest, if the work at most doubles;
//   - equal parts that read adjacent channels become one with groups;
//   - parts that begin or end within lanes, or read channels that overlap in part, become one
//     dense convolution with zero blocks, which computes the same.
func calls(g *graph.Graph, op *graph.Conv) ([]Call, error) {
	var out []Call
	for rest := op.Parts; len(rest) > 0; {
		n := sameInput(rest)
		if n == 1 {
			n = sameShape(rest)
		}
		run := rest[:n]
		rest = rest[n:]
		out = append(out, split(run)...)
	}
	for i := range out {
		out[i].pad(g, op)
	}
	if !aligned(out) {
		c := envelope(op.Parts)
		c.pad(g, op)
		out = []Call{c}
	}
	for i := range out {
		out[i].Stride = op.Stride
		for _, before := range out[:i] {
			out[i].Again = out[i].Again || before.XOff == out[i].XOff
		}
		if err := out[i].fit(g, op); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sameInput counts the leading parts without groups that read the same channels as the first.
func sameInput(parts []graph.ConvPart) int {
	n := 1
	for n < len(parts) && parts[0].Groups == 1 && parts[n].Groups == 1 && parts[n].XOff == parts[0].XOff && parts[n].C == parts[0].C {
		n++
	}
	return n
}

// sameShape counts the leading parts that together are one grouped convolution.
func sameShape(parts []graph.ConvPart) int {
	n, a := 1, parts[0]
	for n < len(parts) {
		b := parts[n]
		last := parts[n-1]
		if b.XOff != last.XOff+last.C || b.R != a.R || b.S != a.S || b.PadH != a.PadH || b.PadW != a.PadW ||
			b.C/b.Groups != a.C/a.Groups || b.K/b.Groups != a.K/a.Groups {
			break
		}
		n++
	}
	return n
}

// split makes one call of a run. It makes one for each window where a common window would more than
// double the work and every piece has whole lanes.
func split(run []graph.ConvPart) []Call {
	whole := envelope(run)
	if run[0].Groups > 1 || len(run) > 1 && run[1].XOff != run[0].XOff {
		whole = grouped(run)
	}
	work := 0
	for _, p := range run {
		work += p.K * p.R * p.S
	}
	if whole.Groups > 1 || whole.K*whole.R*whole.S <= 2*work {
		return []Call{whole}
	}
	var out []Call
	for i := 0; i < len(run); {
		n := 1
		for i+n < len(run) && sameWindow(run[i], run[i+n]) {
			n++
		}
		out = append(out, envelope(run[i:i+n]))
		if i += n; i < len(run) && run[i].YOff%lanes != 0 {
			return []Call{whole}
		}
	}
	return out
}

func sameWindow(a, b graph.ConvPart) bool {
	return a.R == b.R && a.S == b.S && a.PadH == b.PadH && a.PadW == b.PadW
}

func grouped(run []graph.ConvPart) Call {
	c := Call{XOff: run[0].XOff, YOff: run[0].YOff, R: run[0].R, S: run[0].S, PadH: run[0].PadH, PadW: run[0].PadW, parts: run}
	for _, p := range run {
		c.C, c.K, c.Groups = c.C+p.C, c.K+p.K, c.Groups+p.Groups
	}
	return c
}

// envelope is the dense call whose channels and window hold those of every part.
func envelope(run []graph.ConvPart) Call {
	c := Call{XOff: run[0].XOff, YOff: run[0].YOff, Groups: 1, parts: run}
	xEnd, below, right := 0, 0, 0 // below and right of the pixel at no padding
	for _, p := range run {
		c.XOff, xEnd = min(c.XOff, p.XOff), max(xEnd, p.XOff+p.C)
		c.K += p.K
		c.PadH, c.PadW = max(c.PadH, p.PadH), max(c.PadW, p.PadW)
		below, right = max(below, p.R-p.PadH), max(right, p.S-p.PadW)
	}
	c.C, c.R, c.S = xEnd-c.XOff, below+c.PadH, right+c.PadW
	return c
}

// pad gives a dense call the lanes behind the last channel of x and y.
func (c *Call) pad(g *graph.Graph, op *graph.Conv) {
	if c.Groups > 1 {
		return
	}
	if c.XOff+c.C == op.X.C {
		c.C = round(c.XOff+c.C) - c.XOff
	}
	if n := g.Values[op.Y].C; c.YOff+c.K == n {
		c.K = round(c.YOff+c.K) - c.YOff
	}
}

// aligned says whether every call has whole lanes in each group, and any two calls read either the
// same channels or disjoint ones.
func aligned(cs []Call) bool {
	for i, c := range cs {
		if c.XOff%lanes != 0 || c.YOff%lanes != 0 || c.C/c.Groups%lanes != 0 || c.K/c.Groups%lanes != 0 {
			return false
		}
		for _, d := range cs[:i] {
			same := c.XOff == d.XOff && c.C == d.C
			if !same && c.XOff < d.XOff+d.C && d.XOff < c.XOff+c.C {
				return false
			}
		}
	}
	return true
}

// fit enlarges the window by zero taps below and to the right. cuDNN derives the output size from
// equal padding on all sides; fit stops when that size is the op's.
func (c *Call) fit(g *graph.Graph, op *graph.Conv) error {
	x, y := g.Values[op.X.Value], g.Values[op.Y]
	size := func(in, pad, window, out int) (int, bool) {
		window = max(window, in+2*pad-out*c.Stride+1)
		return window, (in+2*pad-window)/c.Stride+1 == out && in+2*pad >= window
	}
	var okH, okW bool
	c.R, okH = size(x.H, c.PadH, c.R, y.H)
	c.S, okW = size(x.W, c.PadW, c.S, y.W)
	if !okH || !okW {
		return fmt.Errorf("gpu: %s: no window makes %dx%d maps of %dx%d with stride %d and padding %d, %d", y.Name, y.H, y.W, x.H, x.W, c.Stride, c.PadH, c.PadW)
	}
	return nil
}

// plain says whether the parts' weights, one after another, are already the call's filter.
func (c *Call) plain() bool {
	for _, p := range c.parts {
		if p.R != c.R || p.S != c.S || p.PadH != c.PadH || p.PadW != c.PadW || p.C/p.Groups != c.C/c.Groups {
			return false
		}
	}
	last := c.parts[len(c.parts)-1]
	return last.YOff+last.K == c.YOff+c.K
}

// each calls f with every weight of part p: its index among the part's own weights, [k, r, s, c],
// and its index in the call's filter.
func (c *Call) each(p graph.ConvPart, f func(own, packed int)) {
	cin, kout := p.C/p.Groups, p.K/p.Groups // channels of one group
	for k := range p.K {
		for r := range p.R {
			for s := range p.S {
				for i := range cin {
					own := ((k*p.R+r)*p.S+s)*cin + i
					x := i
					if c.Groups == 1 {
						x = p.XOff - c.XOff + k/kout*cin + i
					}
					y := p.YOff - c.YOff + k
					f(own, ((y*c.R+r-p.PadH+c.PadH)*c.S+s-p.PadW+c.PadW)*(c.C/c.Groups)+x)
				}
			}
		}
	}
}
