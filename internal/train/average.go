package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"shake/dsl"
	"shake/internal/engine"
)

// averagePrefix begins the names of the averaged parameters in a checkpoint: F64 at the ends of
// epochs, as the program has them after every step.
const averagePrefix = engine.Average

// averages tells whether the weights at the end of an epoch, from 1, belong to the average.
func averages(t dsl.Train, epoch int) bool {
	from := t.SWA
	if from < 1 {
		from *= float64(t.Epochs)
	}
	return t.SWA > 0 && float64(epoch) > from
}

// addToAverage adds the weights at the end of an epoch to the average of those before (stochastic
// weight averaging, Izmailov et al. 2018):
//
//	mean += (w - mean) / n
func (r *run) addToAverage() error {
	state, err := r.prog.State()
	if err != nil {
		return fmt.Errorf("reading the program's state: %w", err)
	}
	r.k.Averaged++
	if r.mean == nil {
		r.mean = map[string][]float64{}
	}
	for _, t := range state {
		if strings.Contains(t.Name, "/") { // not a parameter
			continue
		}
		mean := r.mean[t.Name]
		if mean == nil {
			mean = make([]float64, len(t.F32)+len(t.F64))
			r.mean[t.Name] = mean
		}
		for i, w := range numbers(t) {
			mean[i] += (w - mean[i]) / float64(r.k.Averaged)
		}
	}
	return nil
}

// numbers are those of a tensor.
func numbers(t engine.Tensor) []float64 {
	if t.F64 != nil {
		return t.F64
	}
	vs := make([]float64, len(t.F32))
	for i, v := range t.F32 {
		vs[i] = float64(v)
	}
	return vs
}

// averaged returns the state of a checkpoint with a copy of the average, if there is one: the file
// is written while training goes on.
func (r *run) averaged(state []engine.Tensor) []engine.Tensor {
	for _, t := range state {
		if mean := r.mean[t.Name]; mean != nil {
			state = append(state, engine.Tensor{Name: averagePrefix + t.Name, Shape: t.Shape, F64: slices.Clone(mean)})
		}
	}
	return state
}

// takeAverage takes the average out of the state of a checkpoint, and returns the rest. An
// exponential average is the program's own.
func (r *run) takeAverage(p checkpoint) ([]engine.Tensor, error) {
	if r.spec.Train.EMA > 0 {
		return p.state, nil
	}
	var rest []engine.Tensor
	r.mean = nil
	sizes := map[string]int{}
	for _, t := range p.state {
		name, is := strings.CutPrefix(t.Name, averagePrefix)
		if !is {
			rest = append(rest, t)
			sizes[t.Name] = len(t.F32) + len(t.F64)
			continue
		}
		if r.mean == nil {
			r.mean = map[string][]float64{}
		}
		r.mean[name] = append([]float64(nil), numbers(t)...)
	}
	parameters := 0
	for name, n := range sizes {
		if strings.Contains(name, "/") {
			continue
		}
		parameters++
		if mean, ok := r.mean[name]; (p.Averaged > 0) != ok || ok && len(mean) != n {
			return nil, &Corrupt{File: r.ck.last, Detail: fmt.Sprintf("the average of %s is of %d numbers, of %d epochs", name, len(mean), p.Averaged), Remedy: "remove it: the run then goes on from the checkpoint before"}
		}
	}
	if len(r.mean) != 0 && len(r.mean) != parameters {
		return nil, &Corrupt{File: r.ck.last, Detail: "it has averages of unknown parameters", Remedy: "remove it: the run then goes on from the checkpoint before"}
	}
	return rest, nil
}

// finishAverage writes the average of the weights, with running statistics of their own, and its
// figures. The checkpoints stay those of the last epoch's weights.
func (r *run) finishAverage(ctx context.Context) error {
	if r.k.Averaged == 0 && r.spec.Train.EMA == 0 {
		return nil
	}
	err := r.ownAverage()
	if err == nil {
		err = r.setAverage(ctx)
	}
	if err == nil {
		err = r.measureAverage(ctx)
	}
	if errors.Is(err, engine.ErrAbandoned) || ctx.Err() != nil {
		r.unwatch()
		r.rec.Status = Interrupted // the last epoch's checkpoint is there; a resume averages again
		if err := r.record(r.k); err != nil {
			return err
		}
		return ErrInterrupted
	}
	return err
}

// ownAverage takes an exponential average out of the program.
func (r *run) ownAverage() error {
	if r.spec.Train.EMA == 0 {
		return nil
	}
	state, err := r.prog.State()
	if err != nil {
		return fmt.Errorf("reading the program's state: %w", err)
	}
	r.mean = map[string][]float64{}
	for _, t := range state {
		if name, is := strings.CutPrefix(t.Name, averagePrefix); is {
			r.mean[name] = numbers(t)
		}
	}
	return nil
}

// setAverage gives the program the averaged weights, and running statistics that are the means of
// those of every batch of one more epoch, of steps at a rate of 0.
func (r *run) setAverage(ctx context.Context) error {
	state, err := r.prog.State()
	if err != nil {
		return fmt.Errorf("reading the program's state: %w", err)
	}
	var weights, zeros []engine.Tensor
	for _, t := range state {
		if mean := r.mean[t.Name]; mean != nil {
			weights = append(weights, engine.Tensor{Name: t.Name, Shape: t.Shape, F64: mean})
		}
		if _, is := replicaOf(t.Name); is {
			zeros = append(zeros, engine.Tensor{Name: t.Name, Shape: t.Shape, F64: make([]float64, len(t.F32)+len(t.F64))})
		}
	}
	if err := r.prog.SetState(weights); err != nil {
		return fmt.Errorf("setting the averaged weights: %w", err)
	}
	if len(zeros) == 0 {
		return nil
	}
	order, t := r.order(), r.spec.Train
	batches := make([]float64, t.Replicas) // with images of the replica
	stats := map[string][]float64{}
	for k := range r.perEpoch {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.prog.SetState(zeros); err != nil {
			return fmt.Errorf("setting running statistics: %w", err)
		}
		batch := order[k*t.Batch : min((k+1)*t.Batch, len(order))]
		if err := r.prog.Step(engine.Step{Iteration: uint32(r.k.Step + k), Index: batch}); err != nil {
			return fmt.Errorf("running statistics of the average, step %d: %w", k+1, err)
		}
		if state, err = r.prog.State(); err != nil {
			return fmt.Errorf("reading the program's state: %w", err)
		}
		for i := range batches {
			if lo, hi := engine.ReplicaRange(len(batch), t.Replicas, i); lo < hi {
				batches[i]++
			}
		}
		addStatistics(stats, state, batches, len(batch))
	}
	for i := range zeros {
		zeros[i].F64 = stats[zeros[i].Name]
	}
	return r.prog.SetState(zeros)
}

// addStatistics moves the means of statistics by those of one batch: a program whose running
// statistics were 0 has a tenth of the batch's after a step.
func addStatistics(stats map[string][]float64, state []engine.Tensor, batches []float64, n int) {
	for _, t := range state {
		replica, is := replicaOf(t.Name)
		if !is {
			continue
		}
		if stats[t.Name] == nil {
			stats[t.Name] = make([]float64, len(t.F32)+len(t.F64))
		}
		if lo, hi := engine.ReplicaRange(n, len(batches), replica); lo == hi {
			continue
		}
		for i, v := range numbers(t) {
			stats[t.Name][i] += (10*v - stats[t.Name][i]) / batches[replica]
		}
	}
}

// replicaOf is the replica whose running statistics a tensor holds.
func replicaOf(name string) (replica int, is bool) {
	prefix, _, cut := strings.Cut(name, "/")
	digits, ours := strings.CutPrefix(prefix, "replica")
	replica, err := strconv.Atoi(digits)
	return replica, cut && ours && err == nil
}

// measureAverage evaluates the averaged weights, and writes their file and their line.
func (r *run) measureAverage(ctx context.Context) error {
	test, val, err := r.evaluation(ctx, func() error { return nil })
	if err != nil {
		return err
	}
	state, err := r.prog.State()
	if err != nil {
		return fmt.Errorf("reading the program's state: %w", err)
	}
	meta := map[string]string{"shake.name": r.spec.Name, "shake.step": strconv.Itoa(r.k.Step), "shake.epochs": strconv.Itoa(r.k.Epochs)}
	if err := writeWeights(r.dir.store, r.dir.path(AverageFile), state, meta); err != nil {
		return err
	}
	rec := AverageRecord{Epochs: r.k.Averaged, Decay: r.spec.Train.EMA, Step: r.k.Step}
	scalars := []scalar{}
	if test.Images > 0 {
		rec.TestLoss, rec.TestError, rec.TestImages = finite(test.meanLoss()), finite(test.percent()), test.Images
		scalars = append(scalars, scalar{"average/test_loss", test.meanLoss()}, scalar{"average/test_error", test.percent()})
	}
	if val.Images > 0 {
		rec.ValLoss, rec.ValError, rec.ValImages = finite(val.meanLoss()), finite(val.percent()), val.Images
		scalars = append(scalars, scalar{"average/validation_loss", val.meanLoss()}, scalar{"average/validation_error", val.percent()})
	}
	if err := r.write(averageLine{"average", rec}, r.k.Step, scalars); err != nil {
		return err
	}
	r.average = &rec
	return r.metrics.sync()
}

// AverageRecord is the line of the averaged weights at the end of a run. Errors are in per cent.
type AverageRecord struct {
	Epochs     int      `json:"epochs,omitempty"` // at whose ends the weights were averaged
	Decay      float64  `json:"decay,omitempty"`  // of an exponential average
	Step       int      `json:"step"`
	TestLoss   *float64 `json:"test_loss"`
	TestError  *float64 `json:"test_error"`
	TestImages int      `json:"test_images"`
	ValLoss    *float64 `json:"validation_loss,omitempty"`
	ValError   *float64 `json:"validation_error,omitempty"`
	ValImages  int      `json:"validation_images,omitempty"`
}

type averageLine struct {
	Event string `json:"event"` // "average"
	AverageRecord
}
