// Package report lays results out for people: aligned tables, the block at the end of a run with
// the paper's figure beside the result, and training curves as SVG and PNG. It knows nothing of
// networks or runs: everything comes in as plain values.
package report
