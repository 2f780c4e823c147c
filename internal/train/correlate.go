package train

import (
	"context"
	"errors"
	"fmt"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// Correlation is the correlation of two branches of a block over the test images: section 3 of the
// paper.
type Correlation struct {
	graph.Pair
	Name    string // of the block: "stages.1.0"
	Moments engine.Moments
}

// Correlate runs every test image through spec's network with the weights of a file, in one pass
// and as Predict does, and compares the branches of its blocks, pair by pair in the order of
// graph.Correlations. All images, channels and positions are one population. Errors are those of
// Predict; a network without two branches has no pairs.
func Correlate(ctx context.Context, spec *dsl.Spec, b engine.Backend, weights string, test *engine.Images) ([]Correlation, error) {
	g, err := graph.Build(spec)
	if err != nil {
		return nil, err
	}
	g, pairs := graph.Correlations(g)
	p, err := tested(ctx, spec, g, b, weights, test)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	c, ok := p.(engine.Correlator)
	if !ok {
		return nil, fmt.Errorf("train: %s cannot correlate values", b.Name())
	}
	out := make([]Correlation, len(pairs))
	for i, k := range pairs {
		out[i] = Correlation{Pair: k, Name: g.Blocks[k.Block].Name}
	}
	piece := max(spec.Train.Batch, p.Info().Piece)
	for lo := 0; lo < test.N; lo += piece {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ms, err := c.Correlate(lo, min(lo+piece, test.N))
		if errors.Is(err, engine.ErrAbandoned) {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("comparing branches on test images from %d on: %w", lo, err)
		}
		for i, m := range ms {
			out[i].Moments.Merge(m)
		}
	}
	return out, nil
}
