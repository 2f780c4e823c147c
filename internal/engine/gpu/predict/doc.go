// Package predict estimates how long the launches of a training step take on a card that is not there. What goes in is plain data: which bytes each launch reads and
// writes, its multiply-adds, its grid; and a card from a table. What comes out is plain data too. Nothing here knows a driver, a kernel's text or a network.
//
// It is an estimate, to choose by where nothing can be measured, and to hold measurements against. The model:
//
//	a convolution      Call + max(FLOPs / Conv[direction], memory/Memory + hits/Cache), and Reduce more for a weight gradient
//	anything else      Launch + max(memory/Memory, bytes/Cache)
//	a reduction        Merge + Slot for every block whose sums its last block adds up, besides
//
// where hits are the bytes read that the L2 still has, memory is the bytes read that it has not, half of those written, and all parameters; the L2 keeps the tensors
// touched last, up to Kept bytes. What it leaves out: waves of blocks (printed beside), the order of pixels, bank conflicts, the library's packing of operands, overlap of
// launches, and clocks that fall under load.
package predict
