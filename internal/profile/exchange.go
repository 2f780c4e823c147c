package profile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"shake/internal/engine"
)

// Exchange is the time that a step of several cards spends on sums over them, as a mean of the
// timed steps. Exposed is the part beside which nothing else ran: communication that is not hidden.
type Exchange struct {
	US      float64 `json:"us"`
	Exposed float64 `json:"exposed_us"`
	Share   float64 `json:"exposed_share"` // per cent of the step
}

// Exchange is nil for a program of one device.
func (p *Profile) Exchange() *Exchange {
	if !slices.ContainsFunc(p.Operations, func(o engine.Operation) bool { return o.Exchange }) || len(p.Traces) == 0 {
		return nil
	}
	var x Exchange
	for _, t := range p.Traces {
		for _, o := range t.Work {
			if p.Operations[o.Op].Exchange {
				x.US += micros(o.End - o.Start)
			}
		}
		for _, s := range p.exposed(t) {
			x.Exposed += micros(s.End - s.Start)
		}
	}
	n := float64(len(p.Traces))
	x.US, x.Exposed = x.US/n, x.Exposed/n
	x.Share = 100 * x.Exposed / micros(p.Step())
	return &x
}

// exposed are the times of a step in which an exchange runs and nothing else does, in order and
// apart. The operation of each is the exchange.
func (p *Profile) exposed(t engine.Trace) (out []engine.Timed) {
	var others []engine.Timed
	for _, o := range t.Work {
		if !p.Operations[o.Op].Exchange {
			others = append(others, o)
		}
	}
	slices.SortFunc(others, func(a, b engine.Timed) int { return cmp.Compare(a.Start, b.Start) })
	for _, x := range t.Work {
		if !p.Operations[x.Op].Exchange {
			continue
		}
		at := x.Start
		add := func(end time.Duration) {
			if end > at {
				out = append(out, engine.Timed{Op: x.Op, Track: x.Track, Start: at, End: end, Busy: end - at})
			}
		}
		for _, o := range others {
			if o.End <= at {
				continue
			}
			if o.Start >= x.End {
				break
			}
			add(o.Start)
			at = max(at, o.End)
		}
		add(x.End)
	}
	slices.SortFunc(out, func(a, b engine.Timed) int { return cmp.Compare(a.Start, b.Start) })
	return out
}

// unhidden says it in a line; no line for one device.
func (p *Profile) unhidden() []string {
	x := p.Exchange()
	if x == nil {
		return nil
	}
	hidden := 100.0
	if x.US > 0 {
		hidden = 100 * (1 - x.Exposed/x.US)
	}
	return []string{fmt.Sprintf("sums over the cards take %.3f ms, of which %.1f %% hide behind other work; %.3f ms do not, %.1f %% of the step",
		x.US/1e3, hidden, x.Exposed/1e3, x.Share)}
}
