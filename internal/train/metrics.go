package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"shake/internal/report"
)

// The events of metrics.jsonl. Every line is a JSON object with its event first and its keys in the
// order below.
type (
	epochLine struct {
		Event      string   `json:"event"` // "epoch"
		Epoch      int      `json:"epoch"`
		Step       int      `json:"step"`
		TrainLoss  *float64 `json:"train_loss"`
		TrainError *float64 `json:"train_error"`
		TestLoss   *float64 `json:"test_loss"`
		TestError  *float64 `json:"test_error"`
		TestImages int      `json:"test_images"`
		ValLoss    *float64 `json:"validation_loss,omitempty"`
		ValError   *float64 `json:"validation_error,omitempty"`
		ValImages  int      `json:"validation_images,omitempty"`
		LR         float64  `json:"lr"`
	}
	divergedLine struct {
		Event string `json:"event"` // "diverged"
		Divergence
	}
)

// finite is x for JSON: null where x is no number.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func number(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// Point is the record as a point of a picture, at x epochs. The figures of
// images that were not evaluated are NaN.
func (r EpochRecord) Point(x float64) report.Point {
	p := report.Point{Epoch: x, TrainError: r.TrainError, TrainLoss: r.TrainLoss, TestError: r.TestError, TestLoss: r.TestLoss}
	if r.TestImages == 0 {
		p.TestError, p.TestLoss = math.NaN(), math.NaN()
	}
	if p.ValError, p.ValLoss = r.ValError, r.ValLoss; r.ValImages == 0 {
		p.ValError, p.ValLoss = math.NaN(), math.NaN()
	}
	return p
}

// MarshalJSON writes the record as its line in metrics.jsonl. Infinite and NaN figures, and test
// figures without a test set, are null.
func (r EpochRecord) MarshalJSON() ([]byte, error) {
	l := epochLine{
		Event: "epoch", Epoch: r.Epoch, Step: r.Step, TestImages: r.TestImages, ValImages: r.ValImages, LR: r.LR,
		TrainLoss: finite(r.TrainLoss), TrainError: finite(r.TrainError),
	}
	if r.TestImages > 0 {
		l.TestLoss, l.TestError = finite(r.TestLoss), finite(r.TestError)
	}
	if r.ValImages > 0 {
		l.ValLoss, l.ValError = finite(r.ValLoss), finite(r.ValError)
	}
	return json.Marshal(l)
}

// UnmarshalJSON reads MarshalJSON's form; null becomes NaN.
func (r *EpochRecord) UnmarshalJSON(b []byte) error {
	var l epochLine
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	*r = EpochRecord{
		Epoch: l.Epoch, Step: l.Step, TestImages: l.TestImages, ValImages: l.ValImages, LR: l.LR,
		TrainLoss: number(l.TrainLoss), TrainError: number(l.TrainError), TestLoss: number(l.TestLoss), TestError: number(l.TestError),
	}
	if l.ValImages > 0 {
		r.ValLoss, r.ValError = number(l.ValLoss), number(l.ValError)
	}
	return nil
}

// MarshalJSON writes the record as its line in metrics.jsonl.
func (r StepRecord) MarshalJSON() ([]byte, error) {
	type plain StepRecord // the type without this method
	return json.Marshal(struct {
		Event string `json:"event"`
		plain
	}{"step", plain(r)})
}

// line is v as one line of metrics.jsonl.
func line(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// ReadEpochs returns the epoch lines of a metrics.jsonl. It skips unreadable lines, such as a last
// line cut by a kill; a missing file has no lines.
func ReadEpochs(file string) ([]EpochRecord, error) { return readEpochs(store{}, file) }

func readEpochs(from store, file string) (epochs []EpochRecord, err error) {
	err = eachLine(from, file, "epoch", func(text []byte) {
		var r EpochRecord
		if json.Unmarshal(text, &r) == nil {
			epochs = append(epochs, r)
		}
	})
	return epochs, err
}

// readAverage returns the line of the average after so many steps, nil if there is none.
func readAverage(from store, file string, steps int) (average *AverageRecord, err error) {
	err = eachLine(from, file, "average", func(text []byte) {
		var r AverageRecord
		if json.Unmarshal(text, &r) == nil && r.Step == steps {
			average = &r
		}
	})
	return average, err
}

// eachLine calls each with the lines of one event. A missing file has no lines.
func eachLine(from store, file, event string, each func(text []byte)) error {
	f, err := from.OpenFile(file, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	line := 1
	for ; s.Scan(); line++ {
		var kind struct{ Event string }
		if json.Unmarshal(s.Bytes(), &kind) == nil && kind.Event == event {
			each(s.Bytes())
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return &Corrupt{File: file, Detail: fmt.Sprintf("line %d has more than 1 MiB", line), Remedy: "resume the run, which cuts the file to what its checkpoint vouches for"}
	}
	return s.Err()
}
