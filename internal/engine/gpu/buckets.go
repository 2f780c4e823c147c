package gpu

import (
	"cmp"
	"slices"

	"shake/internal/engine"
	"shake/internal/graph"
)

// Several is the knowledge that one card's list has of the other cards.
type Several struct {
	All    int // images of the batch of all cards
	First  int // number of the card's first replica among all
	Bucket int // bytes of a bucket; 0: bucketBytes
}

// all is the images of the batch of all cards.
func (l *List) all() int {
	if l.Several == nil {
		return l.Batch
	}
	return l.Several.All
}

// first is the number of the card's first replica among all.
func (l *List) first() int {
	if l.Several == nil {
		return 0
	}
	return l.Several.First
}

// bucketBytes is the least size of a bucket but the last: enough that the latency of a sum over
// cards, some 20 us, is little beside its transfer.
const bucketBytes = 4 << 20

// Zero clears the places of other cards' losses and, on a card without images, all gradients.
type Zero struct{}

// AllReduce adds up the losses of all images, or a bucket of gradients, over the cards. Every card
// has the sums afterwards.
type AllReduce struct {
	Losses bool
	Spans  []Span // of a bucket
}

func (*Zero) uses(func(BufID, bool))      {}
func (*AllReduce) uses(func(BufID, bool)) {}

// Span is N numbers from From on, of the gradients or of the packed filters' gradients.
type Span struct {
	Kind    ArgKind // Gradients or PackedGrads
	From, N int
}

// exchange adds the sums over cards to a list. They are on a stream of their own, beside the
// backward pass, each as soon as its summands are complete.
func (l *List) exchange() {
	buckets := l.buckets(cmp.Or(l.Several.Bucket, bucketBytes))
	ops, items := l.Ops, l.Items
	l.Ops, l.Items = nil, nil
	add := func(stream int, o Op) { l.Ops, l.Items = append(l.Ops, o), append(l.Items, Item{Stream: stream}) }
	add(mainStream, &Zero{})
	for i, o := range ops {
		add(items[i].Stream, o)
		if _, ok := o.(*Head); ok {
			add(cardsStream, &AllReduce{Losses: true})
		}
		for len(buckets) > 0 && buckets[0].after <= i && !leads(ops, i) {
			add(cardsStream, &AllReduce{Spans: buckets[0].spans})
			buckets = buckets[1:]
		}
	}
}

// leads says whether a rival may replace ops i and i+1 together, so that nothing stands between
// them.
func leads(ops []Op, i int) bool {
	if i+1 == len(ops) {
		return false
	}
	_, ok := ops[i+1].(*GradConcat)
	return ok
}

// bucket is gradients that are added up in one call. They are complete once op after has run.
type bucket struct {
	after int
	spans []Span
}

// ready is a span with the op that completes it.
type ready struct {
	Span
	after int
}

// buckets cuts the gradients into buckets of at least so many bytes each, but the last, in the
// order in which the backward pass completes them: the last layers first. Every gradient of a
// parameter is in one bucket, by itself or in the packed filters that it is unpacked from.
func (l *List) buckets(bytes int) []bucket {
	var out []bucket
	var open []ready
	size := 0
	flush := func() {
		if len(open) > 0 {
			out = append(out, bucket{open[len(open)-1].after, merge(open)})
		}
		open, size = nil, 0
	}
	for _, r := range l.completed() {
		open = append(open, r)
		if size += 4 * r.N; size >= bytes {
			flush()
		}
	}
	flush()
	return out
}

// completed lists the gradients in the order of their completion.
func (l *List) completed() []ready {
	filters, norms := map[Filter]ready{}, map[engine.NormID]int{}
	var out []ready
	for i, o := range l.Ops {
		switch o := o.(type) {
		case *HeadGrad:
			for _, id := range []graph.ParamID{o.Op.W, o.Op.Bias} {
				out = append(out, ready{Span{Gradients, l.Params.Offset[id], int(l.Plan.Graph.Params[id].Elements())}, i})
			}
		case *ConvFilter:
			kind := Gradients
			if o.Call.Filter.Packed {
				kind = PackedGrads
			}
			filters[o.Call.Filter] = ready{Span{kind, o.Call.Filter.Offset, o.Call.Size()}, i}
		case *GradSum:
			for _, s := range o.Sums {
				norms[s.Of.Norm] = i
			}
		}
	}
	for _, r := range filters {
		out = append(out, r)
	}
	for id, i := range norms {
		for _, at := range l.normSpans(id) {
			out = append(out, ready{at, i})
		}
	}
	slices.SortFunc(out, func(a, b ready) int {
		return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.From, b.From))
	})
	return out
}

// normSpans is the places of a norm's scales and shifts among the parameters.
func (l *List) normSpans(id engine.NormID) []Span {
	parts := l.Plan.Norms[id].Parts
	gamma, beta := Span{Gradients, l.Params.Offset[parts[0].Gamma], 0}, Span{Gradients, l.Params.Offset[parts[0].Beta], 0}
	for _, part := range parts {
		gamma.N, beta.N = gamma.N+part.C, beta.N+part.C
	}
	return []Span{gamma, beta}
}

// merge joins spans that follow one another, also over the unused numbers that end a line.
func merge(rs []ready) []Span {
	var spans []Span
	for _, r := range rs {
		spans = append(spans, r.Span)
	}
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.From, b.From)) })
	var out []Span
	for _, s := range spans {
		if n := len(out); n > 0 && out[n-1].Kind == s.Kind && line(out[n-1].From+out[n-1].N) >= s.From {
			out[n-1].N = s.From + s.N - out[n-1].From
			continue
		}
		out = append(out, s)
	}
	return out
}
