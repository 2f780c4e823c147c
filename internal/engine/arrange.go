package engine

import "slices"

// Span is a block of memory that is alive from step First to step Last, both included.
type Span struct {
	First, Last int
	Size        int
	Offset      int // Arrange's answer
}

// Arrange gives every span an offset such that no two that are alive at the same step overlap, and
// returns the size of the arena that holds them: largest first, each at the lowest free place. If
// all sizes are multiples of a number, so are all offsets.
func Arrange(spans []*Span) int {
	order := slices.Clone(spans)
	slices.SortStableFunc(order, func(a, b *Span) int { return b.Size - a.Size })
	var placed []*Span
	total := 0
	for _, s := range order {
		s.Offset = 0
		for _, q := range placed { // placed is kept by offset, so one sweep finds the lowest gap
			if q.First <= s.Last && s.First <= q.Last && q.Offset < s.Offset+s.Size && s.Offset < q.Offset+q.Size {
				s.Offset = q.Offset + q.Size
			}
		}
		at, _ := slices.BinarySearchFunc(placed, s.Offset, func(q *Span, off int) int { return q.Offset - off })
		placed = slices.Insert(placed, at, s)
		total = max(total, s.Offset+s.Size)
	}
	return total
}
