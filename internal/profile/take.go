package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/graph"
)

// Profile is the record of some training steps on built-in images.
type Profile struct {
	Network    string
	Device     string // "cpu"
	Detail     string // "avx512, 2 workers"
	Batch      int
	Operations []engine.Operation
	Tracks     []string
	Traces     []engine.Trace // the timed steps
	Pairs      []Pair         // of each timed step, with the one before, in which nothing was timed
	Held       engine.Held
	// Alone is each operation's time by itself, as repeats, where the device was asked for it: rates
	// follow from it, and not from how the operations were launched one after the other. 0: not known.
	Alone []time.Duration
	// Graph is the whole step launched as one graph; 0: the device has none.
	Graph time.Duration
	// InGraph is each operation's kernels inside that graph, and GraphNote a line on them, or the
	// reason why they are not known. nil: not known.
	InGraph   []time.Duration
	GraphNote string
	Roofs     Roofs
	Emulated  bool // times mean nothing
	Counters  []Counter
}

// Pair is a step in which nothing was timed, and the timed one behind it, both by the clock
// outside.
type Pair struct {
	Plain, Timed time.Duration
	// Processor time of the process in both; 0: it says nothing of this device.
	PlainBusy, TimedBusy time.Duration
}

// Roofs are the limits of one track, with all tracks at work, as measured. 0 is unknown.
type Roofs struct {
	FLOPS  float64 `json:"flops_per_s"`        // multiply-adds as two
	Of     string  `json:"flops_of"`           // the work by which FLOPS were measured
	Memory float64 `json:"memory_bytes_per_s"` // of arrays that exceed near caches
	Cache  float64 `json:"cache_bytes_per_s"`  // of arrays that a near cache holds
}

// Counter is the course of a figure beside the steps.
type Counter struct {
	Name   string // with its unit: "power, W"
	Points []Point
}

// Point is a figure at a time of the traces' clock.
type Point struct {
	At    time.Duration
	Value float64
}

// Options say how many steps are taken.
type Options struct {
	Warmup int // steps before the first that counts, at least 1
	Steps  int // timed steps, and as many that are not timed within
}

// ErrNoProfiler is the error of a program that cannot time its operations.
var ErrNoProfiler = errors.New("this device cannot time its operations")

// Take trains prog, whose weights it sets, on built-in images, until ctx ends. Steps with the
// profiler and without alternate, so that both see the same machine. Before and behind every pair
// it calls sample with the time by the traces' clock; sample may be nil.
func Take(ctx context.Context, prog engine.Program, g *graph.Graph, spec *dsl.Spec, o Options, sample func(now time.Duration)) (*Profile, error) {
	pr, ok := prog.(engine.Profiler)
	if !ok {
		return nil, fmt.Errorf("profile: %s: %w", prog.Info().Device, ErrNoProfiler)
	}
	train, err := Prepare(prog, g, spec)
	if err != nil {
		return nil, err
	}
	if a, ok := prog.(engine.Abandoner); ok {
		a.Abandon(func() bool { return ctx.Err() != nil })
		defer a.Abandon(nil)
	}
	step := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := train()
		if errors.Is(err, engine.ErrAbandoned) {
			return ctx.Err()
		}
		return err
	}
	for range max(o.Warmup, 1) {
		if err := step(); err != nil {
			return nil, err
		}
	}
	info := prog.Info()
	p := &Profile{Network: spec.Name, Device: info.Device, Detail: info.Detail, Batch: spec.Train.Batch}
	if sample == nil {
		sample = func(time.Duration) {}
	}
	for range o.Steps {
		sample(pr.Now())
		if err := p.pair(pr, step); err != nil {
			return nil, err
		}
	}
	sample(pr.Now())
	p.Operations, p.Tracks, p.Held = pr.Operations(), pr.Tracks(), pr.Held()
	return p, nil
}

// pair takes a step in which nothing is timed, and one that is timed.
func (p *Profile) pair(pr engine.Profiler, step func() error) error {
	var q Pair
	var err error
	if q.Plain, q.PlainBusy, err = spent(step); err != nil {
		return err
	}
	if err := pr.Profile(true); err != nil {
		return err
	}
	if q.Timed, q.TimedBusy, err = spent(step); err != nil {
		return err
	}
	traces, err := pr.Traces()
	if err != nil {
		return err
	}
	if p.Device != "cpu" {
		q.PlainBusy, q.TimedBusy = 0, 0
	}
	p.Pairs, p.Traces = append(p.Pairs, q), append(p.Traces, traces...)
	return pr.Profile(false)
}

// spent is the time of a step, by the clock and of processors.
func spent(step func() error) (took, busy time.Duration, err error) {
	from, used := time.Now(), processorTime()
	err = step()
	return time.Since(from), processorTime() - used, err
}

// processorTime is that of the process's threads.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Plain is the median of the steps in which nothing was timed.
func (p *Profile) Plain() time.Duration {
	return time.Duration(median(p.Pairs, func(q Pair) float64 { return float64(q.Plain) }))
}

// Overhead is the cost of timing, as a part of a step: the median of the pairs' ratios, of
// processor time where that is known.
func (p *Profile) Overhead() float64 {
	return median(p.Pairs, func(q Pair) float64 {
		if q.PlainBusy > 0 {
			return float64(q.TimedBusy)/float64(q.PlainBusy) - 1
		}
		return float64(q.Timed)/float64(q.Plain) - 1
	})
}

// Prepare gives prog first weights and built-in images, and returns a function that trains on a
// batch of them and waits for the end.
func Prepare(prog engine.Program, g *graph.Graph, spec *dsl.Spec) (step func() error, err error) {
	if err := prog.SetState(engine.InitTensors(g, spec.Seed)); err != nil {
		return nil, err
	}
	n := spec.Train.Batch
	if err := prog.Load(BuiltIn(g, n)); err != nil {
		return nil, err
	}
	index := make([]int32, n)
	for i := range index {
		index[i] = int32(i)
	}
	at := uint32(0)
	return func() error {
		err := prog.Step(engine.Step{Iteration: at, Index: index, LR: 0.01})
		at++
		if err != nil {
			return err
		}
		_, err = prog.Metrics(true)
		return err
	}, nil
}

// Step is the mean time of the timed steps.
func (p *Profile) Step() time.Duration {
	var sum time.Duration
	for _, t := range p.Traces {
		sum += t.End - t.Start
	}
	return sum / time.Duration(max(len(p.Traces), 1))
}

// median is the middle of a figure of some things; 0 of none.
func median[T any](of []T, figure func(T) float64) float64 {
	if len(of) == 0 {
		return 0
	}
	var all []float64
	for _, x := range of {
		all = append(all, figure(x))
	}
	slices.Sort(all)
	return (all[len(all)/2] + all[(len(all)-1)/2]) / 2
}

// steps are the times of the timed steps.
func (p *Profile) steps() []time.Duration {
	var out []time.Duration
	for _, t := range p.Traces {
		out = append(out, t.End-t.Start)
	}
	return out
}

// Had is the part of the time in which tracks worked that they had a processor: below 1 on a
// machine that others use too.
func (p *Profile) Had() float64 {
	var had, wall time.Duration
	for _, t := range p.Traces {
		for _, w := range t.Work {
			had, wall = had+w.Busy, wall+w.End-w.Start
		}
	}
	if wall == 0 {
		return 1
	}
	return min(had.Seconds()/wall.Seconds(), 1)
}

// noun is the kind of a track: "worker", "stream".
func (p *Profile) noun() string {
	if len(p.Tracks) == 0 {
		return "track"
	}
	noun, _, _ := strings.Cut(p.Tracks[0], " ")
	return noun
}
