package train

import (
	"errors"
	"fmt"
	"path/filepath"

	"shake/internal/engine"
)

// resume goes on from the newest whole checkpoint. done means that there is nothing to do.
func (r *run) resume() (done bool, err error) {
	if r.rec, err = ReadRecord(r.dir.dir); err != nil {
		return false, err
	}
	if err := r.dir.sameConfig(r.spec); err != nil {
		return false, err
	}
	if r.rec.Name != r.spec.Name { // it is read from a file called config.toml
		named := *r.spec
		named.Name = r.rec.Name
		r.spec = &named
	}
	if err := r.sameData(); err != nil {
		return false, err
	}
	r.plan()
	r.before = r.rec.Seconds
	if r.rec.Status == DivergedRun || r.rec.Status == Finished && r.rec.Steps >= r.steps {
		r.obs.Notice("the run in " + r.dir.dir + " is complete: nothing to do")
		r.k.Step, r.k.Epochs = r.rec.Steps, r.rec.Epochs
		r.epochs, err = ReadEpochs(r.dir.path(MetricsFile))
		return true, err
	}
	device, detail := r.rec.Device, r.rec.Detail
	g, err := r.compile()
	if err != nil {
		return false, err
	}
	if r.rec.Device != device || r.rec.Detail != detail {
		r.obs.Notice(fmt.Sprintf("the run began on %s (%s): on %s (%s) it goes on the same but for rounding", device, detail, r.rec.Device, r.rec.Detail))
	}
	k, state, over, err := r.ck.load()
	if errors.Is(err, errNoCheckpoint) && r.rec.Status == Starting {
		if err := r.initialize(g); err != nil {
			return false, err
		}
		return false, r.begin()
	}
	if errors.Is(err, errNoCheckpoint) {
		err = &Corrupt{File: r.ck.dir, Detail: "the checkpoints are gone", Remedy: "restore them, or start a new run with --weights " + r.dir.path(WeightsFile)}
	}
	if err != nil {
		return false, err
	}
	for _, p := range over {
		what := fmt.Sprintf("cannot be read (%v)", p.err)
		var bad *Corrupt
		if errors.As(p.err, &bad) {
			what = fmt.Sprintf("is damaged (%s)", bad.Detail)
		}
		r.obs.Notice(fmt.Sprintf("checkpoint %s %s: going on from the one before it, %s", filepath.Base(p.file), what, filepath.Base(r.ck.last)))
	}
	if err := r.restore(k, state); err != nil {
		return false, err
	}
	r.start(true)
	return false, nil
}

// restore puts the run where a checkpoint left it.
func (r *run) restore(k counters, state []engine.Tensor) error {
	have, err := r.prog.State()
	if err != nil {
		return fmt.Errorf("reading the program's state: %w", err)
	}
	set, _, err := fit(r.ck.last, state, have, true)
	if err != nil {
		return err
	}
	if err := r.prog.SetState(set); err != nil {
		return fmt.Errorf("restoring %s: %w", r.ck.last, err)
	}
	r.k = k
	r.rec.Status = Running
	if err := r.openJournals(); err != nil {
		return err
	}
	r.epochs, err = ReadEpochs(r.dir.path(MetricsFile))
	return err
}

// sameData refuses to go on with other images.
func (r *run) sameData() error {
	var keys []string
	if fingerprint(r.o.Train) != r.rec.TrainData {
		keys = append(keys, "the training images are not those the run began with ("+r.rec.Data+")")
	}
	if fingerprint(r.o.Test) != r.rec.TestData {
		keys = append(keys, "the test images are not those the run began with ("+r.rec.Data+")")
	}
	if keys != nil {
		return &Mismatch{Dir: r.dir.dir, Keys: keys}
	}
	return nil
}
