package gpu

import (
	"shake/cudnn"
)

// ragged picks the engine of a convolution for a part of a batch, or for an evaluation's batch;
// full is the plan for the batch of a step. It takes the same engine with the same settings where
// cuDNN can prepare it, else the library's proposal. It times nothing: a ragged batch comes in the
// middle of a run, once or twice an epoch.
func (p *program) ragged(c *convolution, full *cudnn.Plan) (*cudnn.Plan, error) {
	options := c.options(p.cfg.Deterministic)
	x, y, z := c.t[0], c.t[1], c.t[2]
	same := append(options[:len(options):len(options)], cudnn.UseEngine(full.Config()))
	var plan *cudnn.Plan
	var err error
	switch {
	case c.dir == cudnn.Forward:
		plan, err = p.dnn.ConvForward(x, y, z, c.desc, same...)
	case c.dir == cudnn.BackwardData:
		plan, err = p.dnn.ConvBackwardData(x, y, z, c.desc, same...)
	case full.Converted():
		plan, err = p.dnn.ConvBackwardFilterConverted(x, y, z, c.desc, options...)
	default:
		plan, err = p.dnn.Plan(cudnn.ConvBackwardFilterF32Graph(x, y, z, c.desc), same...)
	}
	if err == nil && (plan.TensorCores() || !full.TensorCores()) {
		return plan, nil
	}
	if err == nil {
		plan.Close()
	}
	return c.plan(p.dnn, x, y, z, c.desc, options...)
}
