package gpustat

// Ring holds the last figures of one kind, for a sparkline.
type Ring struct {
	figures []Figure
	next    int // index of the oldest once the ring is full
	total   int // figures that were ever put in
}

// NewRing makes a ring of the last n figures.
func NewRing(n int) *Ring { return &Ring{figures: make([]Figure, 0, n)} }

// Add puts in the newest figure and drops the oldest.
func (r *Ring) Add(f Figure) {
	r.total++
	if len(r.figures) < cap(r.figures) {
		r.figures = append(r.figures, f)
		return
	}
	r.figures[r.next] = f
	r.next = (r.next + 1) % len(r.figures)
}

// Total is the number of figures that were ever put in.
func (r *Ring) Total() int { return r.total }

// Figures returns the figures in the ring, the oldest first.
func (r *Ring) Figures() []Figure {
	return append(append(make([]Figure, 0, len(r.figures)), r.figures[r.next:]...), r.figures[:r.next]...)
}
