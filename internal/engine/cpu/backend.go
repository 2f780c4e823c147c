// Package cpu runs plans on the C kernels of csrc/cpu: float32, any number of worker threads,
// nothing to install.
//
// The same seed gives the same bits for any number of workers; instruction sets differ by rounding.
package cpu

import (
	"cmp"
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

// Backend is the CPU.
type Backend struct {
	// Workers is the number of workers of a configuration that leaves it open; 0: as many as Go runs
	// at once.
	Workers int
	// Free is the memory that a program may take, in bytes; 0: no limit. Where the buffers of the
	// workers exceed it there are fewer workers, which compute the same bits, and Report is told.
	// Where a program of one worker would exceed it, no more is saved than the workers beyond Workers.
	Free   int64
	Report func(line string) // nil: no report
}

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
	workers := cmp.Or(c.Workers, b.Workers)
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	compile := func(workers int) (*program, error) {
		pool := kernel.NewPool(workers)
		p := &program{cfg: c, plan: plan, order: engine.NormLayers(g, plan), isa: isa, workers: pool.Workers(), pool: pool}
		if err := p.build(); err != nil {
			p.Close()
			return nil, err
		}
		return p, nil
	}
	p, err := compile(workers)
	if err != nil || b.Free <= 0 || p.workers == 1 || p.needs() <= b.Free {
		return p, err
	}
	return b.fit(p, compile)
}

// fit compiles p again for fewer workers, as many as b.Free has memory for. Nothing has written to
// the buffers yet, so that the system has not given them.
func (b Backend) fit(p *program, compile func(workers int) (*program, error)) (engine.Program, error) {
	many, most := int64(p.workers), p.needs()
	p.Close()
	p, err := compile(1)
	if err != nil {
		return nil, err
	}
	one := p.needs()
	fit := min(many, int64(cmp.Or(b.Workers, runtime.GOMAXPROCS(0))))
	if b.Free >= one {
		fit = min(many-1, 1+(b.Free-one)/max(1, (most-one)/(many-1)))
	}
	if b.Report != nil && fit < many {
		b.Report(fmt.Sprintf("%d workers would need %d MiB, %d MiB are free: %d of them compute the same", many, most>>20, b.Free>>20, fit))
	}
	if fit == 1 {
		return p, nil
	}
	p.Close()
	return compile(int(fit))
}
