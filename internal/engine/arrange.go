package engine

import "slices"

// Span is a block of memory that is alive from step First to step Last, both included.
type Span struct {
	First, Last int
	Size        int
	Offset      int // Arrange's answer
}

// Arrange gives every span an offset such that no two that are alive at the same step overlap, and
// returns the size of the arena that holds them.
func Arrange(spans []*Span) int {
	sizes := make([]int, len(spans))
	for i, s := range spans {
		sizes[i] = s.Size
	}
	offsets, total := Place(sizes, func(i, j int) bool {
		return spans[i].First <= spans[j].Last && spans[j].First <= spans[i].Last
	})
	for i, s := range spans {
		s.Offset = offsets[i]
	}
	return total
}

// Place gives blocks of these sizes offsets such that no two that live together overlap, and
// returns the size of the arena that holds them: largest first, each at the lowest free place. If
// all sizes are multiples of a number, so are all offsets.
func Place(sizes []int, together func(i, j int) bool) (offsets []int, total int) {
	order := make([]int, len(sizes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sizes[b] - sizes[a] })
	offsets = make([]int, len(sizes))
	var placed []int
	for _, i := range order {
		at := 0
		for _, q := range placed { // placed is kept by offset, so one sweep finds the lowest gap
			if offsets[q] < at+sizes[i] && at < offsets[q]+sizes[q] && together(i, q) {
				at = offsets[q] + sizes[q]
			}
		}
		offsets[i] = at
		k, _ := slices.BinarySearchFunc(placed, at, func(q, off int) int { return offsets[q] - off })
		placed = slices.Insert(placed, k, i)
		total = max(total, at+sizes[i])
	}
	return offsets, total
}
