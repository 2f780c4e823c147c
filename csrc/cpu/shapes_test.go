package cpu

// part is a square convolution with the pad that keeps the map's size.
func part(c, k, groups, r int) ConvPart {
	return ConvPart{C: c, K: k, Groups: groups, R: r, S: r, PadH: r / 2, PadW: r / 2}
}

// square stacks parts over c channels of h×h.
func square(c, h, stride int, parts ...ConvPart) ConvSpec {
	s := ConvSpec{N: 128, XC: c, H: h, W: h, P: h / stride, Q: h / stride, Stride: stride, Parts: parts}
	weights := 0
	for i := range parts {
		parts[i].YOff, parts[i].WOff = s.YC, weights
		s.YC += parts[i].K
		weights += parts[i].weights()
	}
	return s
}

func (p ConvPart) weights() int { return p.K * p.C / p.Groups * p.R * p.S }
