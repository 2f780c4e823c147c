package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"shake/internal/engine"
)

// loop trains from the counters' place to the end of the run. On every return a checkpoint exists,
// or is under way, that is no older than the last one due.
func (r *run) loop(ctx context.Context) error {
	// A run that stopped within an epoch still has to evaluate it.
	for r.k.Epochs < r.spec.Train.Epochs && (r.k.Step < r.steps || r.k.Epoch.Images > 0) {
		r.epochFrom = r.now()
		if err := r.train(ctx); err != nil {
			return err
		}
		rec, err := r.evaluate(ctx)
		if err != nil {
			return err
		}
		if r.k.Step < (r.k.Epochs+1)*r.perEpoch {
			return r.stopWithin(rec)
		}
		if err := r.closeEpoch(rec); err != nil {
			return err
		}
	}
	return nil
}

// train runs the rest of an epoch's steps and leaves its sums in the counters.
//
// If one process trains the whole epoch, the device adds its metrics, and the loop reads them now
// and then. After a resume within an epoch the loop adds to the checkpoint's sums step by step: the
// same additions in the same order. It also does so for lines of single steps.
func (r *run) train(ctx context.Context) error {
	t := r.spec.Train
	end := min((r.k.Epochs+1)*r.perEpoch, r.steps)
	r.stepwise = r.k.Epoch.Images > 0 || t.LogSteps > 0
	if _, err := r.prog.Metrics(true); err != nil {
		return fmt.Errorf("reading metrics: %w", err)
	}
	order := r.order()
	from, images := r.now(), r.trained
	training := r.training
	for r.k.Step < end {
		if ctx.Err() != nil {
			return r.interrupt()
		}
		lo := r.k.Step % r.perEpoch * t.Batch
		batch := order[lo:min(lo+t.Batch, len(order))]
		r.lr = engine.LR(t, r.k.Step, r.perEpoch)
		err := r.prog.Step(engine.Step{Iteration: uint32(r.k.Step), Index: batch, LR: r.lr})
		if errors.Is(err, engine.ErrAbandoned) {
			return r.interrupt()
		}
		if err != nil {
			return fmt.Errorf("training step %d: %w", r.k.Step+1, err)
		}
		r.k.Step++
		r.trained = r.trained + len(batch)
		if err := r.afterStep(); err != nil {
			return err
		}
		if c := t.CheckpointSteps; r.k.Step < end && (c > 0 && r.k.Step%c == 0 || r.wanted()) {
			if err := r.collect(); err != nil {
				return err
			}
			if err := r.save(r.mark()); err != nil {
				return err
			}
		}
		if err := r.written(false); err != nil {
			return err
		}
		r.training = training + r.now().Sub(from)
		if err := r.progress(false); err != nil {
			return err
		}
	}
	err := r.collect()
	if r.trained > images {
		r.training = training + r.now().Sub(from)
	}
	return err
}

// wanted tells whether a checkpoint was asked for since the last time.
func (r *run) wanted() bool {
	select {
	case <-r.o.Save:
		return true
	default:
		return false
	}
}

// order is the order of the training images in the current epoch.
func (r *run) order() []int32 {
	if r.spec.Data.Shuffle {
		return engine.Permutation(r.spec.Seed, uint32(r.k.Epochs+1), r.o.Train.N)
	}
	order := make([]int32, r.o.Train.N)
	for i := range order {
		order[i] = int32(i)
	}
	return order
}

// afterStep adds the metrics of the step just made, if that is the loop's task, and writes its
// line.
func (r *run) afterStep() error {
	if !r.stepwise {
		return nil
	}
	m, err := r.prog.Metrics(true)
	if err != nil {
		return fmt.Errorf("reading metrics: %w", err)
	}
	if err := r.sound(m); err != nil {
		return err
	}
	r.k.Epoch.add(m)
	n := r.spec.Train.LogSteps
	if n == 0 {
		return nil
	}
	r.k.Window.add(m)
	if r.k.Step%n != 0 {
		return nil
	}
	w := r.k.Window
	r.k.Window = sums{}
	rec := StepRecord{Step: r.k.Step, Epoch: r.k.Epochs + 1, Loss: w.meanLoss(), LR: r.lr, Errors: w.Errors, Images: w.Images}
	if err := r.write(rec, rec.Step, stepScalars(rec)); err != nil {
		return err
	}
	r.obs.Step(rec)
	return nil
}

// collect waits for the device and leaves the epoch's sums so far in the counters.
func (r *run) collect() error {
	if r.stepwise {
		return nil
	}
	m, err := r.prog.Metrics(false)
	if err != nil {
		return fmt.Errorf("reading metrics: %w", err)
	}
	if err := r.sound(m); err != nil {
		return err
	}
	r.k.Epoch = sums{}
	r.k.Epoch.add(m)
	return nil
}

// sound ends the run if the loss of a step was not finite.
func (r *run) sound(m engine.Metrics) error {
	bad := m.BadStep
	if bad < 0 && (math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0)) {
		bad = int64(r.k.Step - 1) // every step was finite, but their sum is not
	}
	if bad < 0 {
		return nil
	}
	if err := r.written(true); err != nil {
		return err
	}
	r.unwatch()
	d := Divergence{Epoch: int(bad)/r.perEpoch + 1, Iteration: int(bad)%r.perEpoch + 1, Step: int(bad) + 1}
	if err := r.write(divergedLine{"diverged", d}, d.Step, nil); err != nil {
		return err
	}
	if err := r.metrics.sync(); err != nil {
		return err
	}
	r.rec.Status, r.rec.Diverged = DivergedRun, &d
	if err := r.record(r.k); err != nil {
		return err
	}
	r.plot(true)
	return &Diverged{d}
}

// evaluate returns the record of the current epoch, with the test and validation figures if an
// evaluation is due.
func (r *run) evaluate(ctx context.Context) (EpochRecord, error) {
	rec := EpochRecord{Epoch: r.k.Epochs + 1, Step: r.k.Step, TrainLoss: r.k.Epoch.meanLoss(), TrainError: r.k.Epoch.percent()}
	rec.LR = engine.LR(r.spec.Train, r.k.Step-1, r.perEpoch)
	if rec.Epoch%max(r.spec.Train.EvalEvery, 1) == 0 || rec.Epoch == r.spec.Train.Epochs || r.k.Step >= r.steps {
		from := r.now()
		test, val, err := r.evaluation(ctx, func() error { return r.progress(true) })
		if ctx.Err() != nil {
			return rec, r.interrupt()
		}
		if err != nil {
			return rec, err
		}
		r.evalTime = r.now().Sub(from)
		if test.Images > 0 {
			rec.TestLoss, rec.TestError, rec.TestImages = test.meanLoss(), test.percent(), test.Images
		}
		if val.Images > 0 {
			rec.ValLoss, rec.ValError, rec.ValImages = val.meanLoss(), val.percent(), val.Images
		}
	}
	rec.Took = r.now().Sub(r.epochFrom)
	return rec, nil
}

// evaluation runs the test images and those kept out of training, which stand behind them. It calls
// tick before each batch.
func (r *run) evaluation(ctx context.Context, tick func() error) (test, val sums, err error) {
	n := 0
	if r.o.Test != nil {
		n = r.o.Test.N
		if test, err = evaluate(ctx, r.prog, 0, n, r.spec.Train.Batch, tick); err != nil {
			return test, val, err
		}
	}
	if r.o.Validation != nil {
		val, err = evaluate(ctx, r.prog, n, n+r.o.Validation.N, r.spec.Train.Batch, tick)
	}
	return test, val, err
}

// Joined are the images of a program's evaluation: the test set, and behind it those kept out of
// training. nil if there are neither.
func Joined(test, val *engine.Images) *engine.Images {
	if val == nil {
		return test
	}
	if test == nil {
		return val
	}
	all := *test
	all.N += val.N
	all.Pix = append(append(make([]byte, 0, len(test.Pix)+len(val.Pix)), test.Pix...), val.Pix...)
	all.Labels = append(append([]uint16(nil), test.Labels...), val.Labels...)
	return &all
}

// evaluate runs images from..to-1 of the program's evaluation in batches, or in pieces of several
// batches if the program's device is fast enough for them. It calls tick before each. It stops
// early, with ctx's error, when ctx ends.
func evaluate(ctx context.Context, p engine.Program, from, to, batch int, tick func() error) (sums, error) {
	var s sums
	piece := max(batch, p.Info().Piece)
	for lo := from; lo < to; lo += piece {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		if err := tick(); err != nil {
			return s, err
		}
		m, err := p.Eval(lo, min(lo+piece, to))
		if errors.Is(err, engine.ErrAbandoned) {
			return s, ctx.Err()
		}
		if err != nil {
			return s, fmt.Errorf("evaluating images from %d on: %w", lo, err)
		}
		s.add(m)
	}
	return s, nil
}

// closeEpoch writes the line of a whole epoch, and a checkpoint if one is due.
func (r *run) closeEpoch(rec EpochRecord) error {
	r.k.Epochs++
	r.k.Epoch = sums{}
	if averages(r.spec.Train, r.k.Epochs) {
		if err := r.addToAverage(); err != nil {
			return err
		}
	}
	if err := r.epochLine(rec); err != nil {
		return err
	}
	last := r.k.Epochs == r.spec.Train.Epochs || r.k.Step >= r.steps
	if every := max(r.spec.Train.CheckpointEvery, 1); r.k.Epochs%every == 0 || last {
		return r.save(r.mark())
	}
	return r.metrics.sync()
}

// stopWithin ends a run whose train.max_steps fell within an epoch. The checkpoint does not count
// the line that it writes: with a larger max_steps the run continues as if it had never stopped.
func (r *run) stopWithin(rec EpochRecord) error {
	counted := r.mark()
	if err := r.epochLine(rec); err != nil {
		return err
	}
	return r.save(counted)
}

func (r *run) epochLine(rec EpochRecord) error {
	if err := r.write(rec, rec.Step, epochScalars(rec)); err != nil {
		return err
	}
	r.epochs = append(r.epochs, rec)
	r.obs.Epoch(rec)
	return nil
}

// write appends a line to metrics.jsonl and its curves to the event file.
func (r *run) write(v any, step int, values []scalar) error {
	b, err := line(v)
	if err != nil {
		return err
	}
	if err := r.metrics.append(b); err != nil {
		return err
	}
	if len(values) == 0 {
		return nil
	}
	return r.events.append(eventScalars(time.Now(), step, values))
}

// interrupt writes a checkpoint of the run's current place.
func (r *run) interrupt() error {
	r.unwatch()
	if err := r.collect(); err != nil {
		return err
	}
	r.rec.Status = Interrupted
	if err := r.save(r.mark()); err != nil {
		return err
	}
	return ErrInterrupted
}
