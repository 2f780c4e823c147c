// Package train runs an experiment: epochs over a program of any backend, evaluation, divergence,
// and the run directory that survives kill -9 at any instant.
//
// A run directory holds config.toml (the resolved Spec), run.json (the run's parts and its end),
// metrics.jsonl, a TensorBoard event file, last.safetensors (weights with PyTorch names), state/
// (two checkpoints), log.txt and the curves. docs/formats.md describes each.
//
// A resumed run equals a run that was never stopped, bit for bit, by these rules:
//
//   - every random number is a function of the iteration (package rng), so a checkpoint stores
//     counters and no generator;
//   - a checkpoint records the length of metrics.jsonl, and resuming cuts the file there, so
//     lines are never written twice;
//   - no content of metrics.jsonl depends on time;
//   - sums over an epoch are added step by step in one order, by the device or, after a resume
//     within an epoch, by the loop.
package train
