// Package cuda holds the CUDA kernels of a training step as text, and specialises them. Each family
// is a .cu file without headers that opens with its formula, the order of its arguments, and its
// cost. A Spec is the shape, storage type and flags of one kernel. It gives a Kernel: the text to
// compile, the names of the arguments in order, and the launch for n images. The package knows no
// driver and no compiler.
//
// # Conventions
//
// Activations and their gradients are NHWC in the storage type T (F32, F16, BF16): element (n, h,
// w, c) of a Slice stands at ((n*H+h)*W+w)*Pitch + Off + c. All arithmetic is float32; values are
// rounded to T, to nearest even, once, when they are stored. Statistics, coefficients, parameters,
// momentum and gradients of parameters are float32. Any channel count works; counts, offsets and
// pitches that are multiples of 8 (4 for F32) make every access one of 128 bits. Every pointer is a
// multiple of 16.
//
// Replica r of R of a batch of n is images ceil(r*n/R) .. ceil((r+1)*n/R)-1. n is an argument of
// each launch, at most the capacity of the buffers.
//
// A norm of C channels is one array float[7][R][C], in this order: mean, invstd; scale, shift (y =
// scale*x + shift); dx_g, dx_x, dx_1 (dx = dx_g*g' + dx_x*x + dx_1). Its running statistics are
// float[2][R][C]: mean, unbiased variance. gamma_at and beta_at are int[C], each channel's index
// into the flat parameters, or -1 for a padding channel, whose output and gradient are 0.
//
// Every kernel begins by sk_begin (programmatic.cu), so that Kernel.Programmatic can overlap the
// launch in front. Before that call a kernel reads no memory but the step's record and indexes.
//
// Sums over a batch are cut by shape and n, never by the card. Each block adds up its part in a
// fixed order and writes it to a scratch array. An integer counter tells the last block to finish;
// this block merges the parts in their order, in float64, and leaves the counter zero. So the same
// numbers give the same bits. All kernels of one stream may share scratch and counters; counters
// must be zero before the first launch.
//
// In a cooperative kernel the blocks wait for each other, and then each merges the parts that it
// needs, in a fixed order. The card's number of multiprocessors bounds its grid, so cards may
// differ in bits; the order of blocks makes no difference.
package cuda
