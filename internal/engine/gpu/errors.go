package gpu

import "fmt"

// NoCardError says that no usable card was found, and why.
type NoCardError struct{ Err error }

func (e *NoCardError) Error() string {
	return fmt.Sprintf("gpu: no card can be used: %v; --device cpu needs none", e.Err)
}

func (e *NoCardError) Unwrap() error { return e.Err }

// MemoryError says that a network does not fit the card's memory.
type MemoryError struct {
	Card              string
	Batch             int
	Need, Free, Total int64 // bytes
	Data              int64 // part of Need for the data sets; 0: they are not counted yet
	Largest           int   // largest batch that fits; 0: none
}

func (e *MemoryError) Error() string {
	what := "needs"
	if e.Data > 0 {
		what = fmt.Sprintf("and the data set, %s, need", mebibytes(e.Data))
	}
	s := fmt.Sprintf("gpu: a batch of %d %s %s on %s, which has %s free of %s", e.Batch, what, mebibytes(e.Need), e.Card, mebibytes(e.Free), mebibytes(e.Total))
	if e.Largest == 0 {
		return s + ": no batch fits"
	}
	return fmt.Sprintf("%s: the largest batch that fits is %d (-o train.batch=%d)", s, e.Largest, e.Largest)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
