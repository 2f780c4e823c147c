package graphtest

import (
	"shake/dsl"
	"shake/internal/graph"
)

// Patchwork is a valid graph that no Spec makes: references to parts of values everywhere,
// adjacent, overlapping and with gaps; convs of one value that differ in stride but not in output
// size; concats of parts of convs and of convs that others read; a ReLU of part of a ReLU. A pass
// that forgets an offset or a condition changes its results.
func Patchwork() *graph.Graph {
	p := patch{&graph.Graph{Name: "patchwork", Classes: 3}}
	p.g.Input = p.value("input", 6, 7, 6)
	in := p.all(p.g.Input)

	a := p.conv("a", in, 8, 3, 1, 1) // 7x6
	n := p.norm("n", a)
	left, right := p.relu("left", part(n, 0, 4)), p.relu("right", part(n, 4, 8))
	s0 := p.subsample("s0", part(right, 1, 4), 2, 1) // 4x3
	s1 := p.subsample("s1", part(right, 1, 4), 2, 1) // the same again
	s2 := p.subsample("s2", left, 2, 0)
	p0, p1 := p.conv("p0", part(s0, 1, 3), 4, 1, 1, 0), p.conv("p1", s1, 4, 1, 1, 0)
	cat0 := p.concat("cat0", p0, part(p1, 1, 3)) // p1 in part only
	q0, q1 := p.conv("q0", s2, 4, 1, 1, 0), p.conv("q1", part(s2, 2, 4), 4, 1, 1, 0)
	cat1 := p.concat("cat1", q0, q1) // others read q0
	t0, t1 := p.conv("t0", s2, 2, 1, 1, 0), p.conv("t1", part(s2, 1, 2), 2, 1, 1, 0)
	cat2 := p.concat("cat2", t0, t1)

	c := p.conv("c", in, 12, 3, 2, 1) // 4x3
	r0, r1, r2 := p.relu("r0", part(c, 0, 4)), p.relu("r1", part(c, 4, 7)), p.relu("r2", part(c, 8, 12))
	again := p.relu("again", part(r2, 2, 4))
	u, v := p.relu("u", part(cat0, 0, 4)), p.relu("v", part(cat1, 4, 8)) // of two values
	d0, d1 := p.conv("d0", in, 4, 1, 2, 0), p.conv("d1", in, 4, 4, 1, 0) // both 4x3, strides 2 and 1
	e0, e1 := p.conv("e0", part(c, 0, 2), 4, 1, 1, 0), p.conv("e1", part(c, 10, 12), 4, 1, 1, 0)
	m0, m1 := p.norm("m0", part(e0, 0, 3)), p.norm("m1", part(e1, 1, 4))

	all := p.concat("all", cat0, cat1, cat2, q0, r0, r1, r2, again, u, v, d0, d1, e0, e1, m0, m1)
	b0, b1 := p.norm("b0", part(all, 0, 24)), p.norm("b1", part(all, 24, 48))
	last := p.value("block", 20, 4, 3)
	p.g.Blocks = []graph.Block{{Name: "block", Branches: 2, Shake: dsl.Shake{Forward: dsl.Shaken, Backward: dsl.Shaken, Range: [2]float64{0, 1}}}}
	skip := part(all, all.C-20, all.C)
	p.g.Ops = append(p.g.Ops,
		&graph.Join{Branches: []graph.Ref{part(b0, 4, 24), part(b1, 0, 20)}, Skip: &skip, Y: last},
		&graph.Head{X: part(p.all(last), 2, 19), W: p.param("fc.weight", 3, 17), Bias: p.param("fc.bias", 3)})
	return p.g
}

// patch appends operations to a graph and returns references to all they write.
type patch struct{ g *graph.Graph }

// part is channels lo to hi of the channels of r.
func part(r graph.Ref, lo, hi int) graph.Ref {
	return graph.Ref{Value: r.Value, Off: r.Off + lo, C: hi - lo}
}

func (p patch) value(name string, c, h, w int) graph.ValueID {
	p.g.Values = append(p.g.Values, graph.Value{Name: name, C: c, H: h, W: w})
	return graph.ValueID(len(p.g.Values) - 1)
}

func (p patch) param(name string, shape ...int) graph.ParamID {
	p.g.Params = append(p.g.Params, graph.Param{Name: name, Shape: shape, Init: graph.Init{Kind: graph.InitNormal, Scale: 0.5}})
	return graph.ParamID(len(p.g.Params) - 1)
}

func (p patch) all(v graph.ValueID) graph.Ref { return graph.Ref{Value: v, C: p.g.Values[v].C} }

// like adds a value of c channels with the maps of x.
func (p patch) like(x graph.Ref, name string, c int) graph.ValueID {
	return p.value(name, c, p.g.Values[x.Value].H, p.g.Values[x.Value].W)
}

func (p patch) conv(name string, x graph.Ref, k, r, stride, pad int) graph.Ref {
	v := p.g.Values[x.Value]
	y := p.value(name, k, (v.H+2*pad-r)/stride+1, (v.W+2*pad-r)/stride+1)
	p.g.Ops = append(p.g.Ops, &graph.Conv{X: x, Y: y, Stride: stride, Parts: []graph.ConvPart{
		{W: p.param(name+".weight", k, x.C, r, r), C: x.C, K: k, Groups: 1, R: r, S: r, PadH: pad, PadW: pad}}})
	return p.all(y)
}

func (p patch) norm(name string, x graph.Ref) graph.Ref {
	y := p.like(x, name, x.C)
	p.g.Ops = append(p.g.Ops, &graph.Norm{X: x, Y: y, Parts: []graph.NormPart{
		{Name: name, Gamma: p.param(name+".weight", x.C), Beta: p.param(name+".bias", x.C), C: x.C}}})
	return p.all(y)
}

func (p patch) relu(name string, x graph.Ref) graph.Ref {
	y := p.like(x, name, x.C)
	p.g.Ops = append(p.g.Ops, &graph.ReLU{X: x, Y: y})
	return p.all(y)
}

func (p patch) subsample(name string, x graph.Ref, stride, shift int) graph.Ref {
	v := p.g.Values[x.Value]
	y := p.value(name, x.C, (v.H-1)/stride+1, (v.W-1)/stride+1)
	p.g.Ops = append(p.g.Ops, &graph.Subsample{X: x, Y: y, Stride: stride, Shift: shift})
	return p.all(y)
}

func (p patch) concat(name string, xs ...graph.Ref) graph.Ref {
	c := 0
	for _, x := range xs {
		c += x.C
	}
	y := p.like(xs[0], name, c)
	p.g.Ops = append(p.g.Ops, &graph.Concat{Xs: xs, Y: y})
	return p.all(y)
}
