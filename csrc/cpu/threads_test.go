package cpu

import "testing"

func BenchmarkDispatch(b *testing.B) {
	pool := NewPool(0)
	defer pool.Close()
	for b.Loop() {
		dispatch(pool)
	}
}
