// Package rng is the counter-based random generator behind every random number of a run:
// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// A number is a pure function of (seed; iteration, block, index, purpose), so nothing is stored and
// a run draws the same numbers on every device, with any number of workers, and after a resume.
package rng

import "math/bits"

// Purpose is the last counter word: it keeps the streams of a run apart.
type Purpose uint32

// The purposes. docs/formats.md says what iteration, block and index mean for each.
const (
	Init      Purpose = 1  // 0, parameter number, element/4
	Shuffle   Purpose = 2  // epoch (from 1), 0, element/4
	Augment   Purpose = 3  // iteration, 0, position in the global batch: words are flip, dy, dx
	Alpha     Purpose = 4  // iteration, block, image of the global batch or (level batch) replica
	Beta      Purpose = 5  // the same
	Synthetic Purpose = 6  // owned by internal/data
	Dropout   Purpose = 16 // iteration, dropout, image of the global batch: see engine.Kept
	Mixup     Purpose = 17 // iteration, 0, gamma; iteration, 1, element/4: see engine.Mix
	Split     Purpose = 18 // 0, 0, element/4
)

// Word is the counter word of a purpose when more than four numbers are wanted of one counter:
// chunk j gives numbers 4j .. 4j+3.
func (p Purpose) Word(j uint32) uint32 { return uint32(p) | j<<8 }

// Philox returns the four words of Philox 4x32-10 at counter c under key seed (low word first).
func Philox(seed uint64, c [4]uint32) [4]uint32 {
	const m0, m1, w0, w1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
	k0, k1 := uint32(seed), uint32(seed>>32)
	for i := 0; i < 10; i++ {
		h0, l0 := bits.Mul32(m0, c[0])
		h1, l1 := bits.Mul32(m1, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k0, l1, h0 ^ c[3] ^ k1, l0}
		k0 += w0
		k1 += w1
	}
	return c
}

// Uniform maps a word to [0, 1) with 24 bits, exactly representable in float32.
func Uniform(u uint32) float64 { return float64(u>>8) * (1.0 / (1 << 24)) }

// Below maps a word to 0 .. n-1 by the high half of the product u*n; n must be positive.
func Below(u, n uint32) uint32 { h, _ := bits.Mul32(u, n); return h }
