// Package bench holds the benchmarks of shake: go test -bench . ./bench
//
// Names follow OPERATION/SHAPE/DIRECTION. Convolutions report GFLOP/s and per cent of the machine's
// fused multiply-add peak, measured in the same run. Memory-bound operations report GB/s of the
// tensors that they must read and write once. Whole steps report img/s. bench/peers holds the
// PyTorch twins to compare with.
package bench
