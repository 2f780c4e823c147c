package ref

import (
	"shake/internal/engine"
	"shake/internal/graph"
)

// Correlate implements engine.Correlator.
func (p *program) Correlate(lo, hi int) ([]engine.Moments, error) {
	var ops []*graph.Correlate
	for _, op := range p.g.Ops {
		if o, ok := op.(*graph.Correlate); ok {
			ops = append(ops, o)
		}
	}
	total := make([]engine.Moments, len(ops))
	err := p.infer("Correlate", lo, hi, func(pass *Pass, _ []int) {
		for i, o := range ops {
			total[i].Merge(pass.Moments(o))
		}
	})
	return total, err
}

// Moments are those of all pairs of elements that o compares, in two passes: first the means, then
// the sums about them.
func (p *Pass) Moments(o *graph.Correlate) engine.Moments {
	var m engine.Moments
	p.eachPair(o, func(a, b float64) { m.N, m.A, m.B = m.N+1, m.A+a, m.B+b })
	m.A, m.B = m.A/float64(m.N), m.B/float64(m.N)
	p.eachPair(o, func(a, b float64) {
		a, b = a-m.A, b-m.B
		m.AA, m.BB, m.AB = m.AA+a*a, m.BB+b*b, m.AB+a*b
	})
	return m
}

// eachPair calls f for the elements of both values, image by image and channel by channel.
func (p *Pass) eachPair(o *graph.Correlate, f func(a, b float64)) {
	p.eachPlane(o.A, func(n, c int) {
		b := p.plane(p.Values, o.B.Value, n, o.B.Off+c)
		for i, a := range p.plane(p.Values, o.A.Value, n, o.A.Off+c) {
			f(a, b[i])
		}
	})
}
