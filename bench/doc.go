// Package bench holds the benchmarks of shake: go test -bench . ./bench
//
// Names follow OPERATION/SHAPE/DIRECTION. Convolutions report GFLOP/s and per cent of the machine's fused multiply-add peak, measured in the same
// run; memory-bound operations report GB/s of the tensors they must read and write once; whole steps report img/s. bench/peers holds the
// PyTorch twins to compare with.
package bench
