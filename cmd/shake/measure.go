package main

import (
	"debug/elf"
	"fmt"
	"io"
	"slices"

	"shake/csrc/load"
	"shake/internal/engine/gpu"
	"shake/internal/engine/gpu/predict"
	"shake/internal/report"
)

// measurement is the timed launches of a step on a card, beside the expected times of the model.
type measurement struct {
	Network    string        `json:"network"`
	Batch      int           `json:"batch"`
	Type       string        `json:"type"`
	Card       string        `json:"card"`
	Emulated   bool          `json:"emulated,omitempty"`
	Model      string        `json:"model,omitempty"` // the described card
	Launches   []measuredRow `json:"launches"`        // different ones, the dearest first
	Together   []togetherRow `json:"cooperative,omitempty"`
	Sum        float64       `json:"sum_us"`  // of all launches, each by itself
	Step       float64       `json:"step_us"` // the whole step as one graph
	Expected   float64       `json:"expected_us,omitempty"`
	ImagesPerS float64       `json:"img_per_s"`
	// The step without overlap of launches and with, and the expected time with; 0: no programmatic
	// launches on this card or in the model
	Ordinary         float64 `json:"ordinary_us,omitempty"`
	Overlapped       float64 `json:"overlapped_us,omitempty"`
	ExpectOverlapped float64 `json:"expected_overlapped_us,omitempty"`
}

// measuredRow is one measurement, which holds for all launches with the same work. Times are of one
// launch, in microseconds.
type measuredRow struct {
	Op       string  `json:"op"`
	At       []int   `json:"at"` // positions in the list
	Text     string  `json:"text"`
	US       float64 `json:"us"`
	Expected float64 `json:"expected_us,omitempty"` // with a warm L2, like the measurement
	Floor    float64 `json:"floor_us,omitempty"`
	Off      bool    `json:"off,omitempty"` // by more than a third of the expected time
}

// togetherRow is a cooperative launch beside the ones that it may replace. Times are in
// microseconds.
type togetherRow struct {
	At       int     `json:"at"`       // the first of these, by its position in the list
	Launches int     `json:"launches"` // number of these
	Text     string  `json:"text"`
	US       float64 `json:"us"`
	Beside   float64 `json:"beside_us"` // these, one after the other
	Expected float64 `json:"expected_us,omitempty"`
	Taken    bool    `json:"taken,omitempty"` // the step runs it
}

// together joins times and prediction of the cooperative launches.
func (m *measurement) together(model predict.Card, t *gpu.Times) {
	for _, x := range t.Together {
		r := togetherRow{At: x.At, Launches: x.Count, Text: x.Launch.Text, US: float64(x.Took.Nanoseconds()) / 1e3, Taken: x.Taken}
		for _, took := range t.Ops[x.At : x.At+x.Count] {
			r.Beside += float64(took.Nanoseconds()) / 1e3
		}
		if m.Model != "" {
			r.Expected = predict.Predict(model, []predict.Launch{x.Launch}).Costs[0].Warm * 1e6
		}
		m.Together = append(m.Together, r)
	}
}

// fill joins times and prediction. card names a described card; "" stands for the one that fits the
// driver's name, if any.
func (m *measurement) fill(card string, t *gpu.Times, ls []predict.Launch) error {
	model, ok := predict.Of(t.Card)
	if card != "" {
		var err error
		if model, err = predict.Find(card); err != nil {
			return exit(exitUsage, fmt.Errorf("--predict: %w", err))
		}
		ok = true
	}
	rows := map[int]*measuredRow{}
	var costs []predict.Cost
	if ok {
		s := predict.Predict(model, ls)
		costs, m.Model, m.Expected, m.ExpectOverlapped = s.Costs, model.Name, s.Time*1e6, s.Overlapped*1e6
	}
	for i, took := range t.Ops {
		us := float64(took.Nanoseconds()) / 1e3
		m.Sum += us
		r := rows[t.Like[i]]
		if r == nil {
			r = &measuredRow{Op: ls[i].Op, Text: ls[i].Text, US: us}
			if ok {
				c := costs[i]
				r.Expected, r.Floor, r.Off = c.Warm*1e6, c.Floor*1e6, !m.Emulated && predict.Off(us, c.Warm*1e6)
			}
			rows[i] = r
		}
		r.At = append(r.At, i)
	}
	for _, r := range rows {
		m.Launches = append(m.Launches, *r)
	}
	slices.SortFunc(m.Launches, func(a, b measuredRow) int {
		if x, y := a.US*float64(len(a.At)), b.US*float64(len(b.At)); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return a.At[0] - b.At[0]
	})
	m.together(model, t)
	m.Step = float64(t.Step.Nanoseconds()) / 1e3
	m.ImagesPerS = float64(m.Batch) / m.Step * 1e6
	if t.Ways != nil {
		m.Ordinary, m.Overlapped = float64(t.Ways.Ordinary.Nanoseconds())/1e3, float64(t.Ways.Programmatic.Nanoseconds())/1e3
	}
	return nil
}

func (m *measurement) text(w io.Writer) error {
	fmt.Fprintf(w, "%s in %s, batch %d, measured on %s\n", m.Network, m.Type, m.Batch, m.Card)
	if m.Emulated {
		fmt.Fprintln(w, "emulated: times mean nothing")
	}
	fmt.Fprintf(w, "us: one launch, as repeats in a graph; expected: by the model of %s with a warm L2; !: off by more than a third of it\n\n", either(m.Model, "no described card"))
	t := report.Table{Columns: []report.Column{{Title: "op"}, right("launches"), right("us"), right("expected"), right("floor"), {Title: ""}, right("us in all"), right("first"), {Title: "launch"}}}
	for _, r := range m.Launches {
		expected, floor, mark := "-", "-", ""
		if m.Model != "" {
			expected, floor = fmt.Sprintf("%.1f", r.Expected), fmt.Sprintf("%.1f", r.Floor)
		}
		if r.Off {
			mark = "!"
		}
		t.Rows = append(t.Rows, []any{r.Op, len(r.At), fmt.Sprintf("%.1f", r.US), expected, floor, mark, fmt.Sprintf("%.1f", r.US*float64(len(r.At))), r.At[0], r.Text[:min(len(r.Text), 80)]})
	}
	if err := t.Text(w); err != nil {
		return err
	}
	if err := m.togetherText(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nlaunches one by one %.0f us, the step as one graph %.0f us: %.0f img/s", m.Sum, m.Step, m.ImagesPerS)
	if m.Model != "" {
		fmt.Fprintf(w, "; expected %.0f us", m.Expected)
	}
	fmt.Fprintln(w)
	if m.Overlapped > 0 {
		fmt.Fprintf(w, "with programmatic launches %.0f us, without %.0f us", m.Overlapped, m.Ordinary)
		if m.ExpectOverlapped > 0 {
			fmt.Fprintf(w, "; expected %.0f us and %.0f us", m.ExpectOverlapped, m.Expected)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// togetherText writes the cooperative launches, if there are any.
func (m *measurement) togetherText(w io.Writer) error {
	if len(m.Together) == 0 {
		return nil
	}
	fmt.Fprint(w, "\ncooperative launches in place of several: us: the one; beside: these, one after the other; *: the step runs it\n\n")
	t := report.Table{Columns: []report.Column{right("first"), right("launches"), right("us"), right("expected"), right("beside"), {Title: ""}, {Title: "launch"}}}
	for _, r := range m.Together {
		expected, mark := "-", ""
		if m.Model != "" {
			expected = fmt.Sprintf("%.1f", r.Expected)
		}
		if r.Taken {
			mark = "*"
		}
		t.Rows = append(t.Rows, []any{r.At, r.Launches, fmt.Sprintf("%.1f", r.US), expected, fmt.Sprintf("%.1f", r.Beside), mark, r.Text[:min(len(r.Text), 80)]})
	}
	return t.Text(w)
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// emulatedCard tells whether the driver in use is the emulator's, which has hooks for tests.
func emulatedCard() bool {
	path, err := load.Status(load.CUDA)
	if err != nil {
		return false
	}
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	return err == nil && slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == "sk_emu_set" })
}
