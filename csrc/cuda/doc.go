// Package cuda holds the CUDA kernels of a training step as text, and specialises them. Each family is a .cu file without headers that opens
// with its formula, the order of its arguments, and what it costs; a Spec says for which shape, storage type and flags the text is wanted, and gives a
// Kernel: the text to compile, the names of the arguments in order, and the launch for n images. Nothing here knows a driver or a compiler.
//
// # Conventions
//
// Activations and their gradients are NHWC in the storage type T (F32, F16, BF16): element (n, h, w, c) of a Slice stands at
// ((n*H+h)*W+w)*Pitch + Off + c. All arithmetic is float32; values are rounded to T, to nearest even, once, when they are stored. Statistics, coefficients,
// parameters, momentum and gradients of parameters are float32. Any channel count works; counts, offsets and pitches that are multiples of 8 (4 for F32) make
// every access one of 128 bits. Every pointer is a multiple of 16.
//
// Replica r of R of a batch of n is images ceil(r*n/R) .. ceil((r+1)*n/R)-1. n is an argument of each launch, at most the capacity of the buffers.
//
// A norm of C channels is one array float[7][R][C], in this order: mean, invstd; scale, shift (y = scale*x + shift); ca, cb, cc (dx = ca*g + cb*x + cc). Its running
// statistics are float[2][R][C]: mean, unbiased variance. gamma_at and beta_at are int[C], each channel's index into the flat parameters, or -1 for a
// padding channel, whose output and gradient are 0.
//
// Sums over a batch are cut by shape and n, never by the card: each block adds up its part in a fixed order and writes it to a scratch array; the block that finishes
// last (an integer counter says which) merges the parts in their order, in float64, and leaves the counter zero. So the same numbers give the same bits.
// Scratch and counters may be shared by all kernels of one stream; counters must be zero before the first launch.
package cuda
