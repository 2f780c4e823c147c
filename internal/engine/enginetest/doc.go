// Package enginetest is the suite that every engine.Backend passes: Run drives programs through
// their public interface only and holds them against PyTorch's results, step by step, and against
// the contract of engine.Program. Only tests import it.
//
// A case is testdata/NAME.toml, a network and a recipe in shake's own language, and
// testdata/NAME.npz, the results of PyTorch in float64. tools/vectors/make.py writes the second
// from the first; nothing here needs Python.
package enginetest
