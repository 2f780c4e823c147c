package train

import (
	"context"
	"errors"

	"shake/dsl"
	"shake/internal/engine"
)

// Evaluation is the result of Evaluate. TestError is in per cent.
type Evaluation struct {
	TestError float64 `json:"test_error"`
	TestLoss  float64 `json:"test_loss"`
	Errors    int     `json:"errors"`
	Images    int     `json:"images"`
}

// Evaluate compiles spec's network on backend b, loads the safetensors file weights into it, and runs every image of test with
// running statistics and even coefficients. Errors are those of Run, *WeightsError above all.
func Evaluate(ctx context.Context, spec *dsl.Spec, b engine.Backend, weights string, test *engine.Images) (*Evaluation, error) {
	return nil, errors.ErrUnsupported
}

// Export writes the weights of a fresh network, drawn with seed, to file: spec's parameters and BN running statistics by their PyTorch names, F32.
func Export(spec *dsl.Spec, seed uint64, file string) error { return errors.ErrUnsupported }

// ExportRun copies the weights of the run in dir (its newest whole checkpoint) to file.
func ExportRun(dir, file string) error { return errors.ErrUnsupported }
