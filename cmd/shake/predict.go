package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/engine/gpu/predict"
	"shake/internal/graph"
	"shake/internal/profile"
)

// predictionFlags are the flags of show --plan --device gpu for the times of its launches.
type predictionFlags struct {
	card    string
	measure bool
}

func (f *predictionFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.card, "predict", "", "with --plan --device gpu: what each launch is expected to cost on a `card`: h100, h200, a100, rtx4090, b200")
	c.Flags().BoolVar(&f.measure, "measure", false, "with --plan --device gpu: time each launch on the card of this machine, beside what was expected")
}

func (f *predictionFlags) given() bool { return f.card != "" || f.measure }

// check is an error if a prediction is asked of anything but a list of launches.
func (f *predictionFlags) check(plan bool, device string) error {
	if f.given() && (!plan || device != "gpu") {
		return exit(exitUsage, fmt.Errorf("show: --predict and --measure are of launches on a card: give --plan --device gpu with them"))
	}
	return nil
}

// launchRow is a launch in JSON. Times are in microseconds; unknown fields are left out.
type launchRow struct {
	Op        string  `json:"op"`
	Text      string  `json:"text"`
	US        float64 `json:"us"`
	StartUS   float64 `json:"start_us"` // within the step
	Stream    int     `json:"stream"`
	After     []int   `json:"after,omitempty"`    // launches of other streams that it waits for
	Overlaps  bool    `json:"overlaps,omitempty"` // can begin while the kernel of ours in front ends
	WarmUS    float64 `json:"warm_us"`            // repeated, with the L2 warm
	FloorUS   float64 `json:"floor_us"`
	Bytes     float64 `json:"bytes"`
	Hit       float64 `json:"l2_hit_bytes"`
	Memory    float64 `json:"memory_bytes"`
	FLOPs     float64 `json:"flops"`
	Blocks    int     `json:"blocks,omitempty"`
	Threads   int     `json:"threads,omitempty"`
	Registers int     `json:"registers,omitempty"`
	PerSM     int     `json:"blocks_per_multiprocessor,omitempty"`
	Waves     float64 `json:"waves,omitempty"`
	// Compiled marks figures of a compiled kernel. Without it blocks_per_multiprocessor is the
	// lower bound of the launch bounds.
	Compiled bool `json:"compiled,omitempty"`
}

func rowOf(c predict.Cost) launchRow {
	r := launchRow{Op: c.Op, Text: c.Text, US: c.Time * 1e6, StartUS: c.Start * 1e6, Stream: c.Stream, After: c.After, Overlaps: c.Overlaps, WarmUS: c.Warm * 1e6, FloorUS: c.Floor * 1e6, Bytes: c.Bytes, Hit: c.Hit, Memory: c.Memory, FLOPs: c.FLOPs, PerSM: c.PerSM, Waves: c.Waves}
	if k := c.Kernel; k != nil {
		r.Blocks, r.Threads, r.Registers, r.Compiled = k.Blocks, k.Threads, k.Registers, k.Compiled
	}
	return r
}

// testImages is the size of the test set whose evaluation is predicted: CIFAR's.
const testImages = 10000

// showPrediction prints the expected cost of a step on a card that need not be in this machine.
func (a *app) showPrediction(name string, spec *dsl.Spec, g *graph.Graph, asJSON bool) error {
	card, err := predict.Find(name)
	if err != nil {
		return exit(exitUsage, fmt.Errorf("--predict: %w", err))
	}
	list, err := listFor(spec, g)
	if err != nil {
		return err
	}
	c := engine.ConfigOf(spec)
	used, err := list.CompileFor(card, c)
	if err != nil {
		fmt.Fprintf(a.err, "kernels are not compiled, so occupancy is what their launch bounds promise: %v\n", err)
		used = nil
	}
	s, err := list.Predict(card, c, used)
	if err != nil {
		return err
	}
	eval, err := list.PredictEvaluation(card, testImages, c, used)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s in %s, batch %d, %d launches", spec.Name, list.Type, list.Batch, len(s.Costs))
	if !asJSON {
		_, err = io.WriteString(a.out, s.Text(title, list.Batch)+eval.String())
		return err
	}
	rows := []launchRow{}
	for _, c := range s.Costs {
		rows = append(rows, rowOf(c))
	}
	return a.printJSON(struct {
		Network    string       `json:"network"`
		Batch      int          `json:"batch"`
		Type       string       `json:"type"`
		Card       predict.Card `json:"card"`
		Launches   []launchRow  `json:"launches"`
		US         float64      `json:"us"`
		Line       float64      `json:"line_us"` // one launch after the other
		ImagesPerS float64      `json:"img_per_s"`
		// With convolutions at 2/3 of the assumed rate.
		SlowPerS float64 `json:"img_per_s_slow"`
		FastPerS float64 `json:"img_per_s_fast"` // at 4/3
		// With programmatic launches; 0: the card has none.
		Overlaps   int                `json:"overlaps"` // launches that can overlap the one in front
		Overlapped float64            `json:"overlapped_us"`
		Evaluation predict.Evaluation `json:"evaluation"`
	}{spec.Name, list.Batch, fmt.Sprint(list.Type), card, rows, s.Time * 1e6, s.Line * 1e6, float64(list.Batch) / s.Time, float64(list.Batch) / s.Slow, float64(list.Batch) / s.Fast, s.Overlaps, s.Overlapped * 1e6, eval})
}

// listFor is the list of a training step in 16 bits, the precision of the described cards.
func listFor(spec *dsl.Spec, g *graph.Graph) (*gpu.List, error) {
	switch spec.Engine.Precision {
	case "auto", "bf16", "fp16", "":
		return gpu.ListFor(g, engine.ConfigOf(spec))
	}
	return nil, exit(exitUsage, fmt.Errorf("--predict: cards are described for bf16 and fp16, and engine.precision is %s: add -o engine.precision=bf16", spec.Engine.Precision))
}

// showMeasurement times the launches of a step on this machine's card.
func (a *app) showMeasurement(card string, spec *dsl.Spec, g *graph.Graph, asJSON bool) error {
	if err := gpu.Available(); err != nil {
		return exit(exitUsage, fmt.Errorf("--measure: %w", err))
	}
	c := engine.ConfigOf(spec)
	b := gpu.Backend{Tune: tunes(), Measured: []string{gpu.CooperativeBackward}, Report: func(line string) { fmt.Fprintln(a.err, line) }}
	if !b.Tune {
		b.Programmatic = gpu.Compared
	}
	p, err := b.Compile(g, c)
	if err != nil {
		return err
	}
	defer p.Close()
	// Launches read the same kind of data as in training.
	step, err := profile.Prepare(p, g, spec)
	if err != nil {
		return err
	}
	for range 3 {
		if err := step(); err != nil {
			return err
		}
	}
	emulated := emulatedCard()
	times, err := gpu.Measure(p, emulated)
	if err != nil {
		return err
	}
	ls, err := times.List.Launches(c, nil)
	if err != nil {
		return err
	}
	m := &measurement{Network: spec.Name, Batch: times.List.Batch, Type: fmt.Sprint(times.List.Type), Card: times.Card, Emulated: emulated}
	if err := m.fill(card, times, ls); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(m)
	}
	return m.text(a.out)
}
