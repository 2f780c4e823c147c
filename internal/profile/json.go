package profile

import "shake/internal/engine"

// Document is the profile as JSON has it. Times are in microseconds.
type Document struct {
	Network  string  `json:"network"`
	Batch    int     `json:"batch"`
	Device   string  `json:"device"`
	Detail   string  `json:"detail"`
	Emulated bool    `json:"emulated,omitempty"`
	Tracks   int     `json:"tracks"`
	Roofs    Roofs   `json:"roofs"`     // of one track
	Had      float64 `json:"processor"` // part of the working time in which tracks had a processor

	StepUS      float64   `json:"step_us"`              // mean of the timed steps
	StepsUS     []float64 `json:"steps_us"`             // each of them
	PlainUS     []float64 `json:"plain_us"`             // untimed steps, in turn with those
	Overhead    float64   `json:"overhead"`             // of timing, as part of a step
	GraphUS     float64   `json:"graph_us,omitempty"`   // the whole step as one graph
	GraphNote   string    `json:"graph_note,omitempty"` // on its kernels
	SumUS       float64   `json:"sum_us"`               // of all operations
	Overlap     float64   `json:"overlap_us"`           // of operations on several streams
	Unexplained float64   `json:"unexplained_us"`       // of the step, in which no operation ran
	Exchange    *Exchange `json:"exchange,omitempty"`   // of several cards
	ImagesPerS  float64   `json:"img_per_s"`

	By     By                   `json:"by"`
	Phases map[engine.Phase]Row `json:"phases"`
	Rows   []Row                `json:"rows"`
	Memory []engine.MemoryClass `json:"memory"`
	Peak   map[string]any       `json:"peak"`
}

// Document makes the profile's JSON; top is as of Text.
func (p *Profile) Document(by By, top int) (*Document, error) {
	rows, err := p.Rows(by)
	if err != nil {
		return nil, err
	}
	d := &Document{Network: p.Network, Batch: p.Batch, Device: p.Device, Detail: p.Detail, Emulated: p.Emulated, Tracks: len(p.Tracks),
		Roofs: p.Roofs, Had: p.Had(), StepUS: micros(p.Step()), By: by, Phases: map[engine.Phase]Row{}, Memory: p.Held.Classes}
	for _, t := range p.steps() {
		d.StepsUS = append(d.StepsUS, micros(t))
	}
	for _, q := range p.Pairs {
		d.PlainUS = append(d.PlainUS, micros(q.Plain))
	}
	d.Overhead = p.Overhead()
	d.GraphUS, d.GraphNote = micros(p.Graph), p.GraphNote
	d.SumUS = p.total(rows).US
	covered := p.covered(d.SumUS)
	d.Overlap, d.Unexplained = max(0, d.SumUS-covered), d.StepUS-covered
	d.Exchange = p.Exchange()
	d.ImagesPerS = float64(p.Batch) / p.Step().Seconds()
	for _, phase := range engine.Phases {
		var of []Row
		for _, r := range rows {
			if r.Phase == phase {
				of = append(of, r)
			}
		}
		if len(of) > 0 {
			t := p.total(of)
			t.Name, t.Phase = string(phase), phase
			d.Phases[phase] = t
		}
	}
	d.Rows = rows
	if top > 0 {
		d.Rows = rows[:min(top, len(rows))]
	}
	if peak := p.Held.Peak(); len(p.Held.Arena) > 0 {
		d.Peak = map[string]any{"operation": opName(p.Operations[peak.Op]), "activations": peak.Activations, "gradients": peak.Gradients}
	}
	return d, nil
}
