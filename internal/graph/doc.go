// Package graph is a network as typed operations over values with shapes and named parameters. It
// is plain data: it prints, diffs and golden-tests, and knows no device, no batch size and no
// dtype.
//
// The words of the house:
//
//   - value: one activation tensor, C×H×W for one image;
//   - block: one shaken sum, numbered from 0 in the order of the forward pass (the "block" of a
//     draw's counter);
//   - branch: one summand of a block that is scaled; skip: the summand that is not;
//   - stage: consecutive blocks of one width;
//   - draw: the scaling coefficients of one block, one image (or batch), one pass;
//   - level: the images that share a draw (image or batch);
//   - replica: a contiguous part of the global batch with its own BN statistics and draws.
//
// Build makes a graph of primitive operations from a dsl.Spec, one operation a word. The passes
// (passes.go) rewrite a graph into one with fewer, fused operations and the same mathematics. Both
// forms use the one set of operations below.
package graph
