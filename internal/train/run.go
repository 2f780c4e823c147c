package train

import (
	"context"
	"errors"

	"shake/dsl"
	"shake/internal/engine"
)

// Options say what to run and where.
type Options struct {
	Spec     *dsl.Spec
	Dir      string // the run directory; made if it does not exist
	Resume   bool   // continue the run in Dir
	Backend  engine.Backend
	Train    *engine.Images // already cut to Spec.Data.TrainImages
	Test     *engine.Images // nil: no evaluation
	DataNote string         // where the data came from, for the record
	Weights  string         // safetensors file to start from instead of a fresh draw
	Version  string         // of the program, for the record
	Observer Observer       // nil: none
}

// Run trains to the end of the recipe, to Spec.Train.MaxSteps, to divergence or to the end of ctx, whichever comes first.
// A run that had already finished is reported and left alone.
//
// Errors: *Diverged (with a Summary), ErrInterrupted after a checkpoint because ctx ended, *Locked, *Exists, *NoRun, *Mismatch, *Corrupt,
// *WeightsError, *DiskFull, and whatever the backend returns.
func Run(ctx context.Context, o Options) (*Summary, error) {
	return nil, errors.ErrUnsupported
}
