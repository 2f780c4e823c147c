package parallel

import (
	"errors"
	"time"

	"shake/internal/engine"
)

// A profile is rank 0's: its program is timed, and the others make the same steps.

// Local is rank 0's own program.
func (p *program) Local() engine.Program { return p.Program }

// profiler is rank 0's program, or one that times nothing.
func (p *program) profiler() engine.Profiler {
	if pr, ok := p.Program.(engine.Profiler); ok {
		return pr
	}
	return noProfiler{}
}

// Profile implements engine.Profiler.
func (p *program) Profile(on bool) error { return p.profiler().Profile(on) }

// Traces implements engine.Profiler.
func (p *program) Traces() ([]engine.Trace, error) { return p.profiler().Traces() }

// Now implements engine.Profiler.
func (p *program) Now() time.Duration { return p.profiler().Now() }

// Operations implements engine.Profiler: those of rank 0's share of a batch.
func (p *program) Operations() []engine.Operation { return p.profiler().Operations() }

// Tracks implements engine.Profiler.
func (p *program) Tracks() []string { return p.profiler().Tracks() }

// Held implements engine.Profiler: rank 0's memory.
func (p *program) Held() engine.Held { return p.profiler().Held() }

type noProfiler struct{ engine.Profiler }

func (noProfiler) Profile(bool) error { return errors.New("parallel: rank 0's device times nothing") }
