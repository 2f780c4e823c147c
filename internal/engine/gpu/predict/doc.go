// Package predict estimates the times of the launches of a training step on a card that is not at
// hand. The input is plain data: the bytes that each launch reads and writes, its multiply-adds and
// its grid; and a card from a table. The output is plain data too. The package knows no driver, no
// kernel's text and no network.
//
// The estimate serves to choose where no measurement is possible, and to compare with measurements.
// The model:
//
//	a convolution      Call + max(FLOPs / Conv[direction], memory/Memory + hits/Cache)
//	a weight gradient  Reduce besides
//	with packing       2 Launch + 2 packed/Memory besides
//	anything else      Launch + max(memory/Memory, bytes/Cache)
//	a reduction        Merge + Slot for every block whose sums its last block adds up, besides
//	a cooperative one  Meet besides; bytes that it reads again come from the L2
//
// Here hits are the bytes read that the L2 still holds; memory is the other bytes read, half of the
// bytes written, and all parameters. packed is the bytes that the library copies in front of a
// grouped convolution and behind it, each of them read and written once. The L2 holds the tensors
// touched last, up to Kept bytes. The model leaves out waves of blocks (printed beside), the order
// of pixels, bank conflicts, and clocks that fall under load.
//
// Launches on several streams overlap: see overlap.go. A kernel that can begin before the kernel of
// ours in front of it ends costs Overlap in place of Launch where the card has programmatic
// launches; the step's time with them stands beside the time without.
package predict
