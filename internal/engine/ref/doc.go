// Package ref is the oracle: it executes any graph.Graph, primitive or fused, in float64 and plain
// Go, slowly and obviously right. Every other backend is held against it, and it is held against
// PyTorch and finite differences.
//
// There are two doors. Train and Infer take a graph, weights, an input and the draws, and give back
// every value and every gradient: tests of passes and of kernels use those. Backend is the
// engine.Backend over them, with the data set, augmentation, draws, SGD and state of a run.
//
// All tensors are dense float64 slices, N×C×H×W, the last index fastest. One operation is one
// forward and one backward function; a backward function adds to the gradients of the operation's
// inputs. A virtual value is computed like any other.
package ref
