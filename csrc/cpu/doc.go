// Package cpu is thin Go glue over the C kernels in this folder: training of convolutional networks
// in float32 on AVX-512, AVX2 with FMA, or the compiler's base target. The best set that the
// machine has is chosen at start; SHAKE_CPU=avx512|avx2|portable forces one, and forcing one that
// the machine lacks is an error.
//
// A New function lays everything that an operation needs out once, in C memory; Run is then one cgo
// call over a whole batch and allocates nothing. tensor.h tells the layout and why results do not
// depend on the number of workers; README.md has pictures.
//
// A Norm is never an operation of its own. The operation that writes the tensor in front of it
// takes its partial sums (Stats), FinalizeTrain turns them into a scale and a shift, and the
// operation that reads the tensor applies those (View). Backward likewise: Sums, FinalizeBackward,
// Grad. Conv, Join, Apply, GradSum and Head read views and gradients and take the sums of their
// results; StatsOp and SumsOp do the same on their own.
package cpu
