package cpu

import "testing"

// Kernels index by the numbers that New was given, so operands that do not fit are an error there.
func TestSpecsThatDoNotFit(t *testing.T) {
	f := newFixture(t, 2, 1)
	defer f.p.Close()
	defer f.a.Close()
	y, x, narrow := f.tensor(32), f.tensor(32), f.tensor(20)
	f.h++
	other := f.tensor(32)
	otherNorm := f.norm(32)
	f.h--
	m := f.norm(32)
	good := View{T: x, C: 32}
	factor := f.factors()
	join := func(v View) error {
		_, err := NewJoin(f.p, JoinSpec{Branches: []View{v}, Alpha: [][]float32{factor}, Y: y})
		return err
	}
	apply := func(s GradSumSpec) error { _, err := NewGradSum(f.p, s); return err }
	head := func(s HeadSpec) error { _, err := NewHead(f.p, s); return err }
	sums := func(s ...Sums) error { _, err := NewSums(f.p, s); return err }
	stats := func(t *Tensor, s Stats) error { _, err := NewStats(f.p, t, []Stats{s}); return err }
	grad := Grad{G: x, C: 32}
	full := Grad{G: x, C: 32, Norm: m, Y: y}
	for name, err := range map[string]error{
		"a good join":            join(good),
		"a good gradient":        apply(GradSumSpec{Dst: y, Terms: []Grad{grad, full}}),
		"a good head":            head(HeadSpec{X: good, Classes: 10, BOff: 320, MaxN: f.maxN}),
		"good sums":              sums(Sums{Norm: m, Of: full}),
		"good statistics":        stats(y, Stats{Norm: m}),
		"the end of a tensor":    apply(GradSumSpec{Dst: narrow, Off: 16, Terms: []Grad{{G: narrow, GOff: 16, C: 4}}}),
		"a block of a tensor":    apply(GradSumSpec{Dst: x, Terms: []Grad{{G: y, GOff: 16, C: 16}}}),
		"a skip without factors": func() error { _, err := NewApply(f.p, good, y, nil); return err }(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"no tensor":              join(View{C: 32}),
		"too few channels":       join(View{T: narrow, C: 20}),
		"other maps":             join(View{T: other, C: 32}),
		"a norm of other maps":   join(View{T: x, C: 32, Norm: otherNorm}),
		"beyond the norm":        join(View{T: x, C: 32, Norm: m, NormOff: 16}),
		"half a block":           apply(GradSumSpec{Dst: y, Terms: []Grad{{G: x, GOff: 8, C: 16}}}),
		"part of a block":        apply(GradSumSpec{Dst: y, Terms: []Grad{{G: x, C: 20}}}),
		"beyond the destination": apply(GradSumSpec{Dst: narrow, Off: 16, Terms: []Grad{{G: x, C: 16}}}),
		"no terms":               apply(GradSumSpec{Dst: y}),
		"no destination":         apply(GradSumSpec{Terms: []Grad{grad}}),
		"a norm without y":       apply(GradSumSpec{Dst: y, Terms: []Grad{{G: x, C: 32, Norm: m}}}),
		"a ReLU without y":       apply(GradSumSpec{Dst: y, Terms: []Grad{{G: x, C: 32, ReLU: true}}}),
		"few coefficients":       apply(GradSumSpec{Dst: y, Terms: []Grad{{G: x, C: 32, Beta: factor[:1]}}}),
		"a narrow mask":          apply(GradSumSpec{Dst: y, Terms: []Grad{{G: x, C: 32, Mask: narrow}}}),
		"terms of two widths":    apply(GradSumSpec{Dst: y, Terms: []Grad{grad, {G: x, C: 16}}}),
		"no classes":             head(HeadSpec{X: good, MaxN: 1}),
		"a negative place":       head(HeadSpec{X: good, Classes: 10, WOff: -1, MaxN: 1}),
		"a narrow head gradient": head(HeadSpec{X: good, Classes: 10, BOff: 320, MaxN: 1, DX: &HeadDX{G: narrow}}),
		"no sums":                sums(),
		"sums of another norm":   sums(Sums{Norm: otherNorm, Of: full}),
		"sums without a norm":    sums(Sums{Of: grad}),
		"statistics of nothing":  stats(nil, Stats{Norm: m}),
		"statistics without":     stats(y, Stats{}),
		"narrow statistics":      stats(narrow, Stats{Norm: m}),
		"statistics beyond":      stats(y, Stats{Norm: m, Off: 16}),
		"no coefficients":        func() error { _, err := NewJoin(f.p, JoinSpec{Branches: []View{good}, Y: y}); return err }(),
		"an empty join":          func() error { _, err := NewJoin(f.p, JoinSpec{Y: y}); return err }(),
		"nowhere to join":        func() error { _, err := NewJoin(f.p, JoinSpec{Skip: &good}); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
