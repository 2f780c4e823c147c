package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"shake/internal/engine"
)

// counters are the content of a checkpoint besides tensors.
type counters struct {
	Step int `json:"step"` // completed steps
	// Closed epochs: trained, evaluated, their line written
	Epochs int  `json:"epochs"`
	Epoch  sums `json:"epoch"` // of the current epoch
	// Of the steps since the last line of train.log_steps
	Window        sums   `json:"window"`
	Averaged      int    `json:"averaged,omitempty"` // epochs in the average of weights
	MetricsBytes  int64  `json:"metrics_bytes"`      // length of metrics.jsonl
	MetricsSHA256 string `json:"metrics_sha256"`     // of those bytes; "" in format 1
	EventsBytes   int64  `json:"events_bytes"`       // length of the TensorBoard file
}

// sums are metrics added step by step. Loss is in float64 and survives JSON exactly.
type sums struct {
	Images int     `json:"images"`
	Loss   float64 `json:"loss"`
	Errors int     `json:"errors"`
}

func (s *sums) add(m engine.Metrics) {
	s.Images += m.Images
	s.Loss += m.Loss
	s.Errors += m.Errors
}

func (s sums) meanLoss() float64 { return s.Loss / float64(s.Images) }
func (s sums) percent() float64  { return 100 * float64(s.Errors) / float64(s.Images) }

// check is nil if the sums are possible for so many images.
func (s sums) check(what string, images int) error {
	switch {
	case s.Images != images:
		return fmt.Errorf("%s.images is %d, want %d", what, s.Images, images)
	case s.Errors < 0 || s.Errors > s.Images:
		return fmt.Errorf("%s.errors is %d of %d images", what, s.Errors, s.Images)
	case math.IsNaN(s.Loss) || math.IsInf(s.Loss, 0) || s.Loss < 0 || s.Images == 0 && s.Loss != 0:
		return fmt.Errorf("%s.loss is %g of %d images", what, s.Loss, s.Images)
	}
	return nil
}

// length is the length of a run, without train.max_steps.
type length struct{ epochs, perEpoch, batch, images int }

// parseCounters reads counters; a missing counter is an error.
func parseCounters(text string) (k counters, err error) {
	var have map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &have); err != nil {
		return k, err
	}
	for _, key := range []string{"step", "epochs", "epoch", "window", "metrics_bytes", "events_bytes"} {
		if have[key] == nil {
			return k, errors.New("its counters lack " + key)
		}
	}
	return k, json.Unmarshal([]byte(text), &k)
}

// check compares every counter with the others, with the step in the file's name, and with the
// length of the run.
func (k counters) check(step int, l length) error {
	done := k.Step - k.Epochs*l.perEpoch // steps of the current epoch
	switch {
	case k.Step != step:
		return fmt.Errorf("step is %d in a file of step %d", k.Step, step)
	case k.Epochs < 0 || k.Epochs > l.epochs:
		return fmt.Errorf("epochs is %d of %d", k.Epochs, l.epochs)
	case done < 0 || done > l.perEpoch || k.Epochs == l.epochs && done > 0:
		return fmt.Errorf("step is %d after %d epochs of %d steps", k.Step, k.Epochs, l.perEpoch)
	case k.Averaged < 0 || k.Averaged > k.Epochs:
		return fmt.Errorf("averaged is %d after %d epochs", k.Averaged, k.Epochs)
	case k.MetricsBytes < 0 || k.EventsBytes < 0:
		return fmt.Errorf("metrics_bytes is %d, events_bytes %d", k.MetricsBytes, k.EventsBytes)
	}
	if err := k.Epoch.check("epoch", min(done*l.batch, l.images)); err != nil {
		return err
	}
	// The window is of train.log_steps, whose value may have changed since.
	if k.Window.Images < 0 || k.Window.Images > k.Step*l.batch {
		return fmt.Errorf("window.images is %d after %d steps", k.Window.Images, k.Step)
	}
	return k.Window.check("window", k.Window.Images)
}
