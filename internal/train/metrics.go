package train

import (
	"bufio"
	"bytes"
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

// ReadEpochs returns the epoch lines of the run in dir, whose record is rec. A last line without
// its end is left out: a kill cuts it. Any other unreadable line is *Corrupt, as are lines that
// lack epochs of the record, or whose last epoch is not that of the record of a finished run.
func ReadEpochs(dir string, rec *Record) ([]EpochRecord, error) {
	return (&rundir{dir: dir}).readEpochs(rec)
}

func (d *rundir) readEpochs(rec *Record) ([]EpochRecord, error) {
	file := d.path(MetricsFile)
	damaged := func(format string, args ...any) ([]EpochRecord, error) {
		return nil, &Corrupt{File: file, Detail: fmt.Sprintf(format, args...), Remedy: "restore it from a copy"}
	}
	epochs, bad, err := readLines(d.store, file)
	if err != nil {
		return nil, err
	}
	if bad > 0 {
		return damaged("line %d cannot be read", bad)
	}
	if n := closed(epochs, rec.Epochs); n+rec.Lost < rec.Epochs {
		return damaged("it has lines of %s, and %s has %d", report.Plural(n, "epoch"), RecordFile, rec.Epochs)
	}
	if len(epochs) == 0 || rec.Status != Finished {
		return epochs, nil
	}
	last := epochs[len(epochs)-1]
	for _, of := range []struct {
		key      string
		have     float64
		recorded *float64
	}{{"train_error", last.TrainError, rec.TrainError}, {"test_error", last.TestError, rec.TestError}} {
		if of.recorded != nil && of.have != *of.recorded {
			return damaged("the last epoch has %s %v, and %s has %v", of.key, of.have, RecordFile, *of.recorded)
		}
	}
	return epochs, nil
}

// closed counts the lines of epochs 1 to n.
func closed(epochs []EpochRecord, n int) (lines int) {
	for _, e := range epochs {
		if e.Epoch >= 1 && e.Epoch <= n {
			lines++
		}
	}
	return lines
}

// readLines returns the epoch lines of a metrics.jsonl, and the number of its first unreadable
// line, 0 without one.
func readLines(from store, file string) (epochs []EpochRecord, bad int, err error) {
	err = eachLine(from, file, func(number int, text []byte) {
		r, epoch, err := parseLine[EpochRecord](text, "epoch")
		switch {
		case err == nil && epoch:
			epochs = append(epochs, r)
		case err != nil && bad == 0:
			bad = number
		}
	})
	return epochs, bad, err
}

// readAverage returns the line of the average after so many steps, nil if there is none.
func readAverage(from store, file string, steps int) (average *AverageRecord, err error) {
	err = eachLine(from, file, func(_ int, text []byte) {
		if r, is, err := parseLine[AverageRecord](text, "average"); err == nil && is && r.Step == steps {
			average = &r
		}
	})
	return average, err
}

// eachLine calls each with the number and the text of every line, but for a last line without its
// end. A missing file has no lines.
func eachLine(from store, file string, each func(number int, text []byte)) error {
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
	s.Split(wholeLines)
	line := 1
	for ; s.Scan(); line++ {
		each(line, s.Bytes())
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return &Corrupt{File: file, Detail: fmt.Sprintf("line %d has more than 1 MiB", line), Remedy: "resume the run, which cuts the file to what its checkpoint vouches for"}
	}
	return s.Err()
}

// wholeLines divides at line ends, and leaves out a last line without one.
func wholeLines(b []byte, atEOF bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1, b[:i], nil
	}
	if atEOF {
		return len(b), nil, nil
	}
	return 0, nil, nil
}

// parseLine reads a line of metrics.jsonl as R, the record of an event. is is false for another
// event, and for the blanks that stand in place of a line that was damaged.
func parseLine[R any](b []byte, event string) (r R, is bool, err error) {
	if len(bytes.Trim(b, " ")) == 0 {
		return r, false, nil
	}
	var kind struct{ Event string }
	if err := json.Unmarshal(b, &kind); err != nil {
		return r, false, err
	}
	switch kind.Event {
	case "":
		return r, false, errors.New("no event")
	case event:
		return r, true, json.Unmarshal(b, &r)
	}
	return r, false, nil
}
