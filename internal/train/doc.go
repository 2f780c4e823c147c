// Package train runs an experiment: epochs over a program of any backend, evaluation, divergence, and the run directory
// that survives kill -9 at any instant.
//
// A run directory holds config.toml (the resolved Spec), run.json (what ran and how it ended), metrics.jsonl, a TensorBoard event file,
// last.safetensors (weights with PyTorch names), state/ (two checkpoints), log.txt and the curves. docs/formats.md describes each.
//
// The rules that make a resumed run equal one never stopped, bit for bit:
//
//   - every random number is a function of the iteration (package rng), so a checkpoint stores counters and no generator;
//   - a checkpoint records the length of metrics.jsonl, and resuming cuts the file there, so lines are never written twice;
//   - nothing in metrics.jsonl depends on time;
//   - sums over an epoch are added step by step in one order, whether the device adds them or, after a resume within an epoch, the loop does.
package train
