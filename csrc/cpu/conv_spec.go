package cpu

import "fmt"

// ConvSpec is one or more convolutions that read one tensor view with one stride and write one
// tensor, by the formula of graph.Conv for each of at most N images; x has XC channels of H×W, y
// has YC of P×Q.
type ConvSpec struct {
	N, XC, H, W int
	YC, P, Q    int
	Stride      int
	Parts       []ConvPart
	// Direct leaves out the transforms: Winograd's, for 3x3 kernels with stride 1 or 2 and pad 1, and
	// Strassen's, for 1x1 kernels.
	Direct bool
	// transform takes them wherever they can be used.
	transform bool
}

// ConvPart is one convolution, as graph.ConvPart. Its weights [K][C/Groups][R][S] stand at float
// WOff of the flat parameters.
type ConvPart struct {
	WOff       int
	XOff, C    int
	YOff, K    int
	Groups     int
	R, S       int
	PadH, PadW int
}

func (s *ConvSpec) check() error {
	if min(s.N, s.XC, s.H, s.W, s.YC, s.P, s.Q, s.Stride) < 1 || len(s.Parts) == 0 {
		return fmt.Errorf("cpu: conv %+v: every size must be at least 1 and there must be a part", *s)
	}
	written := make([]bool, s.YC)
	for i, p := range s.Parts {
		switch {
		case min(p.C, p.K, p.Groups, p.R, p.S) < 1 || min(p.WOff, p.XOff, p.YOff, p.PadH, p.PadW) < 0:
			return fmt.Errorf("cpu: conv part %d %+v: a size is below 1 or an offset or pad below 0", i, p)
		case p.C%p.Groups != 0 || p.K%p.Groups != 0:
			return fmt.Errorf("cpu: conv part %d: %d groups do not divide %d inputs and %d outputs", i, p.Groups, p.C, p.K)
		case p.XOff+p.C > s.XC || p.YOff+p.K > s.YC:
			return fmt.Errorf("cpu: conv part %d: channels %d+%d of %d inputs, %d+%d of %d outputs", i, p.XOff, p.C, s.XC, p.YOff, p.K, s.YC)
		}
		for k := p.YOff; k < p.YOff+p.K; k++ {
			if written[k] {
				return fmt.Errorf("cpu: conv part %d: output channel %d is written twice", i, k)
			}
			written[k] = true
		}
	}
	for k, w := range written {
		if !w {
			return fmt.Errorf("cpu: conv: no part writes output channel %d", k)
		}
	}
	return nil
}
