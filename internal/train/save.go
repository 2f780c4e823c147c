package train

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"shake/internal/report"
)

const (
	progressEvery = 250 * time.Millisecond
	plotEvery     = 30 * time.Second
)

// mark is a place in the journals.
type mark struct {
	metrics, events int64
	sum             string // SHA-256 of metrics.jsonl up to there
}

func (r *run) mark() mark { return mark{r.metrics.size, r.events.size, r.metrics.digest()} }

// save takes a checkpoint at the counters' place; the journals belong to it up to m. It is written
// from a snapshot: with Options.Background while the training goes on, until written takes it over.
// First come the files that the checkpoint refers to, then the checkpoint, then the record. So a
// kill in between leaves a run that resumes from the checkpoint before.
func (r *run) save(m mark) error {
	if err := r.written(true); err != nil {
		return err
	}
	if err := r.dir.ours(); err != nil {
		return err
	}
	state, err := r.prog.State()
	if err != nil {
		return fmt.Errorf("reading the program's state: %w", err)
	}
	if err := r.metrics.sync(); err != nil {
		return err
	}
	if err := r.events.sync(); err != nil {
		return err
	}
	r.k.MetricsBytes, r.k.EventsBytes, r.k.MetricsSHA256 = m.metrics, m.events, m.sum
	c := checkpoint{r.k, experiment{fixed(r.spec), r.rec.TrainData, r.rec.TestData}, r.averaged(state)}
	r.saving = make(chan saved, 1)
	go func(out chan<- saved) { out <- r.writeFiles(c) }(r.saving)
	return r.written(!r.o.Background)
}

// saved is the fate of a checkpoint.
type saved struct {
	counters
	path    string
	notices []string
	err     error
}

// writeFiles writes the weights and the checkpoint c. It runs beside the loop: until its end the
// checkpoints and their disk are its own.
func (r *run) writeFiles(c checkpoint) (s saved) {
	s.counters = c.counters
	r.ck.store.Notice = func(text string) { s.notices = append(s.notices, text) }
	meta := map[string]string{"shake.name": r.spec.Name, "shake.step": strconv.Itoa(c.Step), "shake.epochs": strconv.Itoa(c.Epochs)}
	if s.err = writeWeights(r.ck.store, r.dir.path(WeightsFile), c.state, meta); s.err == nil {
		s.path, s.err = r.ck.save(c)
	}
	return s
}

// written takes over the checkpoint under way, if there is one and it is done; with wait set it
// waits for it.
func (r *run) written(wait bool) error {
	if r.saving == nil {
		return nil
	}
	var s saved
	select {
	case s = <-r.saving:
	default:
		if !wait {
			return nil
		}
		s = <-r.saving
	}
	r.saving = nil
	for _, text := range s.notices {
		r.notice(text)
	}
	if s.err != nil {
		return s.err
	}
	if r.rec.Status != Interrupted {
		r.rec.Status = Running
	}
	if err := r.record(s.counters); err != nil {
		return err
	}
	r.obs.Saved(Saved{Path: s.path, Epoch: s.Epochs, Step: s.Step})
	r.plot(false)
	return nil
}

// settle ends the loop: it waits for the checkpoint under way. err is the loop's.
func (r *run) settle(err error) error {
	late := r.written(true)
	if err == nil || late != nil && errors.Is(err, ErrInterrupted) {
		return late
	}
	return err
}

// record updates run.json, for a run that has come to k.
func (r *run) record(k counters) error {
	r.rec.Seconds = math.Round(1e3*(r.before+r.now().Sub(r.began).Seconds())) / 1e3
	r.rec.Steps, r.rec.Epochs = k.Step, k.Epochs
	if r.meter != nil {
		r.rec.Cards = r.meter.Use()
	}
	if err := r.dir.ours(); err != nil {
		return err
	}
	return r.dir.writeRecord(r.rec)
}

// finish marks a run as complete.
func (r *run) finish() error {
	r.unwatch()
	r.plot(true)
	r.rec.Status = Finished
	if n := len(r.epochs); n > 0 {
		last := r.epochs[n-1]
		if r.rec.TrainError = finite(last.TrainError); last.TestImages > 0 {
			r.rec.TestError = finite(last.TestError)
		}
	}
	return r.record(r.k)
}

func (r *run) curveFiles() []string {
	return []string{r.dir.path("curves.svg"), r.dir.path("curves.png")}
}

// plot draws the curves, at most once every plotEvery, and always the last time. Curves can be
// drawn again from metrics.jsonl, so a failure is only a notice.
func (r *run) plot(last bool) {
	if !r.plotDue(last) {
		return
	}
	r.plotCards()
	if len(r.epochs) == 0 {
		return
	}
	c := report.Curves{Title: r.spec.Name}
	for _, e := range r.epochs {
		c.Points = append(c.Points, e.Point(float64(e.Step)/float64(r.perEpoch)))
	}
	for _, file := range r.curveFiles() {
		b, err := c.Encode(file[strings.LastIndexByte(file, '.')+1:])
		if err == nil {
			err = r.dir.store.writeBytes(file, b)
		}
		if err != nil {
			r.obs.Notice(fmt.Sprintf("the curves are not drawn: %v", err))
			return
		}
	}
}

// progress reports the epoch's progress to the observer, if a report is due.
func (r *run) progress(evaluating bool) error {
	if time.Since(r.reported) < progressEvery {
		return nil
	}
	r.metered()
	if err := r.collect(); err != nil {
		return err
	}
	r.reported = time.Now()
	p := Progress{
		Epoch: r.k.Epochs + 1, Epochs: r.spec.Train.Epochs, Step: r.k.Step - r.k.Epochs*r.perEpoch, StepsPerEpoch: r.perEpoch,
		TotalStep: r.k.Step, TotalSteps: r.steps, Evaluating: evaluating, Loss: r.k.Epoch.meanLoss(), Error: r.k.Epoch.percent(), LR: r.lr,
	}
	if r.trained > 0 {
		p.ImagesPerSec = float64(r.trained) / r.training.Seconds()
		perStep := r.training.Seconds() * float64(r.spec.Train.Batch) / float64(r.trained)
		every := max(r.spec.Train.EvalEvery, 1)
		evaluations := (r.steps+r.perEpoch-1)/r.perEpoch/every - r.k.Epochs/every
		left := time.Duration(perStep * float64(r.steps-r.k.Step) * float64(time.Second))
		p.ETA = left + time.Duration(evaluations)*r.evalTime
	}
	r.obs.Progress(p)
	return nil
}

// summary is the result of the run.
func (r *run) summary() *Summary {
	s := &Summary{
		Name: r.spec.Name, Dir: r.dir.dir, Epochs: r.k.Epochs, Steps: r.k.Step, Finished: r.rec.Status == Finished,
		Diverged: r.rec.Diverged, Seconds: r.rec.Seconds, Weights: r.dir.path(WeightsFile),
	}
	if n := len(r.epochs); n > 0 {
		e := r.epochs[n-1]
		s.Evaluated = true
		s.TrainError, s.TrainLoss, s.TestError, s.TestLoss, s.TestImages = e.TrainError, e.TrainLoss, e.TestError, e.TestLoss, e.TestImages
		s.ValError, s.ValLoss, s.ValImages = e.ValError, e.ValLoss, e.ValImages
	}
	if r.trained > 0 {
		s.ImagesPerSec = float64(r.trained) / r.training.Seconds()
	}
	s.Average = r.average
	s.Curves, s.Cards = r.pictures(), r.rec.Cards
	return s
}
