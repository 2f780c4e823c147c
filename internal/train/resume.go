package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"shake/internal/graph"
)

// resume continues from the newest whole checkpoint. done means that the run is already complete.
func (r *run) resume() (done bool, err error) {
	known := r.findRecord() // nil, or the reason why the record is made anew
	if err := r.dir.sameConfig(r.spec); err != nil {
		return false, err
	}
	g, err := graph.Build(r.spec)
	if err != nil {
		return false, err
	}
	r.ck.most = checkpointLimit(g, r.spec.Train.Replicas)
	r.ck.belongs = func(e experiment) error { return e.same(r.dir.dir, r.spec, r.rec.TrainData, r.rec.TestData) }
	if known == nil {
		if err := r.sameData(); err != nil {
			return false, err
		}
	}
	if err := r.plan(); err != nil {
		return false, err
	}
	r.before = r.rec.Seconds
	if known == nil && r.complete() {
		r.obs.Notice("the run in " + r.dir.dir + " is complete: nothing to do")
		r.k.Step, r.k.Epochs = r.rec.Steps, r.rec.Epochs
		if r.epochs, err = r.dir.readEpochs(r.rec); err == nil {
			r.average, err = readAverage(r.dir.store, r.dir.path(MetricsFile), r.rec.Steps)
		}
		return true, err
	}
	p, over, err := r.ck.load()
	if errors.Is(err, errNoCheckpoint) {
		if known != nil {
			return false, known
		}
		if r.rec.Status == Starting {
			return false, r.beginAgain()
		}
		err = &Corrupt{File: r.ck.dir, Detail: "the checkpoints are gone", Remedy: "restore them, or start a new run with --weights " + r.dir.path(WeightsFile)}
	}
	if err != nil {
		return false, err
	}
	r.tell(known, over)
	device, detail := r.rec.Device, r.rec.Detail
	if _, err := r.compile(); err != nil {
		return false, err
	}
	if device != "" && (r.rec.Device != device || r.rec.Detail != detail) {
		r.obs.Notice(fmt.Sprintf("the run began on %s (%s): on %s (%s) it goes on the same but for rounding", device, detail, r.rec.Device, r.rec.Detail))
	}
	if err := r.restore(p); err != nil {
		return false, err
	}
	r.start(true)
	return false, nil
}

// findRecord reads run.json. If that fails it makes a record from the other files, and returns the
// reason.
func (r *run) findRecord() error {
	rec, err := r.dir.readRecord()
	if err != nil {
		r.rec = &Record{
			Name: r.spec.Name, Status: Running, Seed: r.spec.Seed, Data: r.o.DataNote, Classes: r.o.Classes,
			TrainData: Fingerprint(r.o.Train), TestData: Fingerprint(Joined(r.o.Test, r.o.Validation)), Started: r.began.Truncate(time.Second),
		}
		return err
	}
	r.rec = rec
	return nil
}

// complete tells whether the record calls the run complete and the newest checkpoint, if any,
// agrees.
func (r *run) complete() bool {
	if r.rec.Status == DivergedRun {
		return true
	}
	if r.rec.Status != Finished || r.rec.Steps < r.steps {
		return false
	}
	paths, err := r.ck.list()
	if err != nil || len(paths) == 0 {
		return true
	}
	step, _ := stepOf(filepath.Base(paths[0]))
	return step == r.rec.Steps
}

// beginAgain begins a run that was killed before its first checkpoint.
func (r *run) beginAgain() error {
	g, err := r.compile()
	if err != nil {
		return err
	}
	if err := r.initialize(g); err != nil {
		return err
	}
	return r.begin()
}

// tell reports the damage that was found.
func (r *run) tell(known error, over []passed) {
	if known != nil {
		r.obs.Notice(fmt.Sprintf("%v: it is made anew from the checkpoint; what it said of the time before is lost", known))
	}
	for _, p := range over {
		what := fmt.Sprintf("cannot be read (%v)", p.err)
		var bad *Corrupt
		if errors.As(p.err, &bad) {
			what = fmt.Sprintf("is damaged (%s)", bad.Detail)
		}
		r.obs.Notice(fmt.Sprintf("checkpoint %s %s: going on from the one before it, %s", filepath.Base(p.file), what, filepath.Base(r.ck.last)))
	}
}

// restore sets the run to the state of a checkpoint.
func (r *run) restore(p checkpoint) error {
	have, err := r.prog.State()
	if err != nil {
		return fmt.Errorf("reading the program's state: %w", err)
	}
	state, err := r.takeAverage(p)
	if err != nil {
		return err
	}
	set, _, err := fit(r.ck.last, state, have, true)
	if err != nil {
		return err
	}
	if err := r.prog.SetState(set); err != nil {
		return fmt.Errorf("restoring %s: %w", r.ck.last, err)
	}
	r.k = p.counters
	// A finished run may get more steps
	r.rec.Status, r.rec.TrainError, r.rec.TestError = Running, nil, nil
	if r.rec.Epochs > r.k.Epochs { // the lines of the epochs after the checkpoint are about to go
		if err := r.record(r.k); err != nil {
			return err
		}
	}
	if err := r.openJournals(); err != nil {
		return err
	}
	r.epochs, _, err = readLines(r.dir.store, r.dir.path(MetricsFile))
	r.rec.Lost = max(0, r.k.Epochs-closed(r.epochs, r.k.Epochs))
	return err
}

// sameData refuses other images than those of the run. Where an edit of config.toml made them
// others the error names its key.
func (r *run) sameData() error {
	var keys []string
	if other := r.rec.OtherClass(r.o.Classes); other != "" {
		keys = append(keys, "the classes are not those the run began with: "+other)
	}
	trained, measured := r.rec.OtherImages(r.o.Train, r.o.Test, r.o.Validation)
	if trained {
		keys = append(keys, "the training images are not those the run began with ("+r.rec.Data+")")
	}
	if measured {
		keys = append(keys, "the test images are not those the run began with ("+r.rec.Data+")")
	}
	if keys == nil {
		return nil
	}
	var edited *Mismatch
	if _, _, err := r.ck.load(); errors.As(err, &edited) {
		return edited
	}
	return &Mismatch{Dir: r.dir.dir, Keys: keys}
}
