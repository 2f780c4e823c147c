// Package cpu is the thin Go glue over the C kernels in this folder: training of convolutional networks in float32 on
// AVX-512, AVX2+FMA or whatever the compiler makes of portable code, chosen at start (SHAKE_CPU=avx512|avx2|portable forces one; forcing
// one that the machine lacks is an error).
//
// Everything an operation needs is laid out once, in C memory, by a New function; Run is then one cgo call, without
// allocation, over a whole batch. See sk.h for layout and determinism.
//
// A Norm is never an operation of its own: whoever writes the tensor in front of it takes its partial sums (Stats), FinalizeTrain turns them into a scale
// and a shift, and whoever reads the tensor applies them (View). Backward likewise: Sums, FinalizeBackward, Grad. Conv, Join, Apply, GradApply and Head
// read views and gradients, and take sums of what they wrote; StatsOp and SumsOp are the same on their own.
package cpu
