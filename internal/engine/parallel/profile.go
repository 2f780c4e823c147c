package parallel

import (
	"errors"
	"time"

	"shake/internal/engine"
)

// A profile is rank 0's. The others time their steps too, so that all launch alike, and forget the
// times.

// Local is rank 0's own program.
func (p *program) Local() engine.Program { return p.Program }

// profiler is a program as one that times its operations, or one that refuses to.
func profiler(p engine.Program) engine.Profiler {
	if pr, ok := p.(engine.Profiler); ok {
		return pr
	}
	return noProfiler{}
}

func (p *program) profiler() engine.Profiler { return profiler(p.Program) }

// Profile implements engine.Profiler.
func (p *program) Profile(on bool) error {
	_, err := p.all(request{Op: opProfile, Reset: on}, func() error { return p.profiler().Profile(on) })
	return err
}

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

func (noProfiler) Profile(bool) error { return errors.New("parallel: a device that times nothing") }
