package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"shake/internal/train"
)

const (
	// late is the bytes that wait for a reader of events from which on events of progress are left
	// out.
	late = 64 << 10
	// lost is the bytes from which on all events are left out, and counted.
	lost = 16 << 20
)

// events writes a run as JSON, one object a line, each with "event": start, progress, step, epoch,
// saved, notice, end or dropped. It is a train.Observer. The run does not wait for the reader: to a
// reader that is late no progress is written, and to one that stands still nothing; a line
// "dropped" then has the number of events in its place. Nothing is written after an error of
// writing, which flush returns.
type events struct {
	out     *outlet
	err     error
	dropped int
}

func newEvents(w io.Writer) *events { return &events{out: newOutlet(w)} }

func (e *events) emit(event string, fields map[string]any) {
	fields["event"] = event
	for k, v := range fields {
		// JSON has no numbers that are not finite; they become null.
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			fields[k] = nil
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		e.err = err
		return
	}
	if e.dropped > 0 {
		b = append(fmt.Appendf(nil, "{\"event\":\"dropped\",\"events\":%d}\n", e.dropped), b...)
	}
	if event == "progress" && e.out.waiting() > late {
		return
	}
	most := lost
	if event == "end" {
		most = math.MaxInt
	}
	if !e.out.put(append(b, '\n'), most) {
		e.dropped++
		return
	}
	e.dropped = 0
}

// flush waits for the reader, as outlet.flush does, and returns the first error.
func (e *events) flush(hurry <-chan struct{}) error {
	e.out.flush(hurry)
	return cmp.Or(e.err, e.out.failed())
}

func (e *events) Start(d train.Decisions) {
	e.emit("start", map[string]any{
		"name": d.Name, "dir": d.Dir, "device": d.Device, "detail": d.Detail, "workers": d.Workers, "seed": d.Seed, "replicas": d.Replicas,
		"batch": d.Batch, "epochs": d.Epochs, "steps_per_epoch": d.StepsPerEpoch, "max_steps": d.MaxSteps, "parameters": d.Parameters,
		"memory_bytes": d.MemoryBytes, "free_bytes": d.FreeBytes, "train_images": d.TrainImages, "test_images": d.TestImages, "validation_images": d.ValImages,
		"data": d.Data, "weights": d.Weights, "version": d.Version, "resumed": d.Resumed, "epoch": d.Epoch, "step": d.Step,
	})
}

func (e *events) Progress(p train.Progress) {
	e.emit("progress", map[string]any{
		"epoch": p.Epoch, "epochs": p.Epochs, "step": p.TotalStep, "steps": p.TotalSteps, "loss": p.Loss, "error": p.Error, "lr": p.LR,
		"images_per_second": p.ImagesPerSec, "eta_seconds": p.ETA.Seconds(), "evaluating": p.Evaluating,
	})
}

func (e *events) Step(s train.StepRecord) {
	e.emit("step", map[string]any{"step": s.Step, "epoch": s.Epoch, "loss": s.Loss, "lr": s.LR, "errors": s.Errors, "images": s.Images})
}

func (e *events) Epoch(r train.EpochRecord) {
	f := map[string]any{
		"epoch": r.Epoch, "step": r.Step, "train_loss": r.TrainLoss, "train_error": r.TrainError, "lr": r.LR, "seconds": r.Took.Seconds(),
	}
	if r.TestImages > 0 {
		f["test_loss"], f["test_error"], f["test_images"] = r.TestLoss, r.TestError, r.TestImages
	}
	if r.ValImages > 0 {
		f["validation_loss"], f["validation_error"], f["validation_images"] = r.ValLoss, r.ValError, r.ValImages
	}
	e.emit("epoch", f)
}

func (e *events) Saved(s train.Saved) {
	e.emit("saved", map[string]any{"path": s.Path, "epoch": s.Epoch, "step": s.Step})
}

func (e *events) Notice(text string) { e.emit("notice", map[string]any{"text": text}) }

func (e *events) End(s train.Summary) {
	f := map[string]any{
		"name": s.Name, "dir": s.Dir, "epochs": s.Epochs, "steps": s.Steps, "finished": s.Finished, "seconds": s.Seconds,
		"images_per_second": s.ImagesPerSec, "weights": s.Weights, "curves": s.Curves,
	}
	if s.Evaluated {
		f["train_error"], f["train_loss"] = s.TrainError, s.TrainLoss
		if s.TestImages > 0 {
			f["test_error"], f["test_loss"], f["test_images"] = s.TestError, s.TestLoss, s.TestImages
		}
		if s.ValImages > 0 {
			f["validation_error"], f["validation_loss"], f["validation_images"] = s.ValError, s.ValLoss, s.ValImages
		}
	}
	if s.Average != nil {
		f["average"] = s.Average
	}
	if s.Cards != nil {
		f["cards"] = s.Cards
	}
	if s.Diverged != nil {
		f["diverged"] = s.Diverged
	}
	e.emit("end", f)
}

// both is two observers of the same events.
type both struct{ a, b train.Observer }

func (o both) Start(d train.Decisions)   { o.a.Start(d); o.b.Start(d) }
func (o both) Progress(p train.Progress) { o.a.Progress(p); o.b.Progress(p) }
func (o both) Step(s train.StepRecord)   { o.a.Step(s); o.b.Step(s) }
func (o both) Epoch(e train.EpochRecord) { o.a.Epoch(e); o.b.Epoch(e) }
func (o both) Saved(s train.Saved)       { o.a.Saved(s); o.b.Saved(s) }
func (o both) Notice(text string)        { o.a.Notice(text); o.b.Notice(text) }
func (o both) End(s train.Summary)       { o.a.End(s); o.b.End(s) }
