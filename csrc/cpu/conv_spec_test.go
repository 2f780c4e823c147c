package cpu

import (
	"strings"
	"testing"
)

func TestConvSpecErrors(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	whole := ConvPart{C: 4, K: 8, Groups: 1, R: 3, S: 3, PadH: 1, PadW: 1}
	edit := func(f func(*ConvPart)) []ConvPart { q := whole; f(&q); return []ConvPart{q} }
	for _, c := range []struct {
		name  string
		parts []ConvPart
		want  string
	}{
		{"no part", nil, "there must be a part"},
		{"size", edit(func(p *ConvPart) { p.R = 0 }), "below 1"},
		{"pad", edit(func(p *ConvPart) { p.PadW = -1 }), "below 0"},
		{"groups", edit(func(p *ConvPart) { p.Groups = 3 }), "3 groups do not divide"},
		{"channels", edit(func(p *ConvPart) { p.XOff = 1 }), "channels 1+4 of 4 inputs"},
		{"twice", []ConvPart{whole, whole}, "output channel 0 is written twice"},
		{"gap", edit(func(p *ConvPart) { p.K = 7 }), "no part writes output channel 7"},
	} {
		_, err := NewConv(p, ConvSpec{N: 1, XC: 4, H: 5, W: 5, YC: 8, P: 5, Q: 5, Stride: 1, Parts: c.parts})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", c.name, err, c.want)
		}
	}
}
