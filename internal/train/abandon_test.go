package train

import (
	"context"
	"errors"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/graph"
)

// stuck is a backend whose step (or evaluation) at never ends by itself.
type stuck struct {
	toy
	at      int // the step's iteration; -1: none
	eval    bool
	reached chan struct{}
}

func (b stuck) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	p, err := b.toy.Compile(g, c)
	return &stuckProgram{toyProgram: p.(*toyProgram), stuck: b}, err
}

type stuckProgram struct {
	*toyProgram
	stuck stuck
	stop  func() bool
}

func (p *stuckProgram) Abandon(stop func() bool) { p.stop = stop }

func (p *stuckProgram) wait() error {
	close(p.stuck.reached)
	for !p.stop() {
		time.Sleep(time.Millisecond)
	}
	return engine.ErrAbandoned
}

func (p *stuckProgram) Step(s engine.Step) error {
	if int(s.Iteration) == p.stuck.at {
		return p.wait()
	}
	return p.toyProgram.Step(s)
}

func (p *stuckProgram) Eval(lo, hi int) (engine.Metrics, error) {
	if p.stuck.eval {
		return engine.Metrics{}, p.wait()
	}
	return p.toyProgram.Eval(lo, hi)
}

// TestAbandonedStep interrupts a run within a step and within an evaluation that would never end.
// The checkpoint is that of the last completed step, and the resumed run has the bits of a run that
// was never stopped.
func TestAbandonedStep(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole, "train.log_steps=1"))
	for name, b := range map[string]stuck{"step": {at: 6}, "first step": {at: 0}, "evaluation": {at: -1, eval: true}} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			b.toy, b.reached = toy{bad: -1}, make(chan struct{})
			o := options(t, dir, "train.log_steps=1")
			o.Backend = b
			ctx, cancel := context.WithCancel(context.Background())
			go func() { <-b.reached; cancel() }()
			if _, err := Run(ctx, o); !errors.Is(err, ErrInterrupted) {
				t.Fatalf("have %v", err)
			}
			want := max(b.at, 0)
			if b.eval {
				want = 4
			}
			if rec, err := ReadRecord(dir); err != nil || rec.Steps != want || rec.Status != Interrupted {
				t.Errorf("record %+v, %v, want step %d", rec, err, want)
			}
			o = options(t, dir, "train.log_steps=1")
			o.Resume = true
			mustRun(t, o)
			same(t, result(t, dir), result(t, whole))

			b.reached = make(chan struct{})
			ctx, cancel = context.WithCancel(context.Background())
			if b.eval {
				go func() { <-b.reached; cancel() }()
				if _, err := Predict(ctx, o.Spec, b, dir+"/"+WeightsFile, o.Test, nil); !errors.Is(err, context.Canceled) {
					t.Errorf("Predict: %v", err)
				}
			}
			cancel()
		})
	}
}
