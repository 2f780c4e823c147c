package cpu

import "testing"

// BenchmarkDispatch is a dispatch of nothing to all workers, of a pool that is watched and of one
// that is not.
func BenchmarkDispatch(b *testing.B) {
	for _, name := range []string{"plain", "watched"} {
		b.Run(name, func(b *testing.B) {
			pool := NewPool(0)
			defer pool.Close()
			const room = 1 << 12
			w := NewWatch(pool, room)
			if name == "watched" {
				w.Start()
			}
			var spans []Span
			for n := 0; b.Loop(); n++ {
				dispatch(pool)
				if n%room == room-1 {
					spans, _ = w.Take(spans[:0])
				}
			}
		})
	}
}
