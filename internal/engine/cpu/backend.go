// Package cpu runs plans on the C kernels of csrc/cpu: float32, any number of worker threads,
// nothing to install.
//
// The same seed gives the same bits for any number of workers; instruction sets differ by rounding.
package cpu

import (
	"fmt"
	"runtime"

	kernel "shake/csrc/cpu"
	"shake/internal/engine"
	"shake/internal/graph"
)

// maxCrop keeps crop offsets, 0 to 2*crop, within a signed byte.
const maxCrop = 63

// block is the channel block of the kernels' layout.
const block = 16

// Backend is the CPU. Workers is the number of workers of a configuration that leaves it open; 0:
// as many as Go runs at once.
type Backend struct{ Workers int }

// Name returns "cpu".
func (Backend) Name() string { return "cpu" }

// Compile implements engine.Backend.
func (b Backend) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	isa, err := kernel.ISA()
	if err != nil {
		return nil, fmt.Errorf("choosing the instruction set: %w", err)
	}
	if err := c.Check("cpu", maxCrop); err != nil {
		return nil, err
	}
	if err := c.CheckPrecision("cpu", "fp32"); err != nil {
		return nil, err
	}
	plan, err := engine.NewPlan(g, block)
	if err != nil {
		return nil, err
	}
	workers := c.Workers
	if workers <= 0 {
		workers = b.Workers
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	pool := kernel.NewPool(workers)
	p := &program{cfg: c, plan: plan, order: engine.NormLayers(g, plan), isa: isa, workers: pool.Workers(), pool: pool}
	if err := p.build(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}
