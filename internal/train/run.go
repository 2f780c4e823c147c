package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/files"
	"shake/internal/graph"
)

// Options describe a run and its place.
type Options struct {
	Spec    *dsl.Spec
	Dir     string // the run directory; made if it does not exist
	Claimed bool   // Dir was made for this run: a start that fails removes it
	Resume  bool   // continue the run in Dir
	Backend engine.Backend
	Train   *engine.Images // already cut to Spec.Data.TrainImages
	Test    *engine.Images // nil: no evaluation
	// Validation is evaluated beside Test; nil: none
	Validation *engine.Images
	DataNote   string   // the source of the data, for the record
	Notices    []string // of the data, for the run's beginning
	Classes    []string // names of the classes of own images, by label, for the record
	Weights    string   // safetensors file with the first weights; "": a fresh draw
	Version    string   // of the program, for the record
	// FreeBytes is the memory available on the machine, for Decisions; 0: unknown.
	FreeBytes int64
	Observer  Observer // nil: none
	Meter     Meter    // of the cards, if the backend has any; nil: none
	// Save delivers a value when a checkpoint is wanted before one is due; nil: never.
	Save <-chan struct{}
	// Paused is the time that the process has been stopped so far; speeds exclude it. nil: never.
	Paused func() time.Duration

	// Background writes checkpoints while the training goes on: a card does not wait for a disk. The
	// snapshot takes the memory of another state.
	Background bool

	disk  *files.Disk // nil: the system's; its notices become the run's
	plain bool        // no curves: tests make hundreds of runs
}

// Run trains to the end of the recipe, to Spec.Train.MaxSteps, to divergence or to the end of ctx,
// whichever comes first. A run that has already finished is reported and left unchanged. Run keeps
// its goroutine on one thread, as devices require.
//
// Errors: *Diverged (with a Summary), ErrInterrupted after a checkpoint because ctx ended, *Locked,
// *Exists, *NoRun, *Mismatch, *Corrupt, *WeightsError, *DiskFull, and the errors of the backend.
func Run(ctx context.Context, o Options) (*Summary, error) {
	if o.Train == nil || o.Train.N == 0 {
		return nil, errors.New("train: no training images")
	}
	o.Test, o.Validation = some(o.Test), some(o.Validation)
	if o.Weights != "" {
		if o.Resume {
			return nil, errors.New("train: a resumed run has weights of its own: leave --weights out")
		}
		var err error
		if o.Weights, err = filepath.Abs(o.Weights); err != nil {
			return nil, err
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var early []string // notices before the log exists
	disk := &files.Disk{Notice: func(text string) { early = append(early, text) }}
	if o.disk != nil {
		disk.Inject, disk.Changed = o.disk.Inject, o.disk.Changed
	}
	d, err := openDir(o.Dir, o.Resume, store{disk})
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.made = d.made || o.Claimed
	logFile, err := disk.OpenFile(d.path(LogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return nil, writing(d.path(LogFile), err)
	}
	defer logFile.Close()

	beside := disk.Beside()
	r := &run{o: o, spec: o.Spec, dir: d, obs: &logger{w: logFile, next: o.Observer}, ck: checkpoints{store: store{beside}, dir: d.path(StateDir)}, began: time.Now(), plotted: time.Now()}
	defer r.close()
	disk.Notice, beside.Notice = r.notice, r.notice
	for _, text := range early {
		r.notice(text)
	}
	var done bool
	if o.Resume {
		done, err = r.resume()
	} else {
		err = r.create()
	}
	var div *Diverged
	if err == nil && !done {
		abandon(ctx, r.prog)
		if err = r.settle(r.loop(ctx)); err == nil {
			err = r.finishAverage(ctx)
		}
		if err == nil {
			err = r.finish()
		}
	}
	if err != nil && !errors.As(err, &div) {
		err = r.stopped(err)
		r.obs.(*logger).printf("stopped: %v", err)
		d.remove()
		return nil, err
	}
	s := r.summary()
	r.obs.End(*s)
	if s.Diverged != nil {
		return s, &Diverged{*s.Diverged}
	}
	return s, nil
}

// run is a run in progress.
type run struct {
	o      Options
	spec   *dsl.Spec
	obs    Observer
	meter  Meter // nil unless it watches
	dir    *rundir
	ck     checkpoints
	saving chan saved // the checkpoint under way; nil: none
	rec    *Record
	prog   engine.Program

	k       counters
	mean    map[string][]float64 // of the parameters that are averaged; nil before the first
	average *AverageRecord       // of the average, once it is measured
	epochs  []EpochRecord        // every epoch line of metrics.jsonl
	metrics *journal
	events  *journal

	perEpoch int    // steps
	steps    int    // all steps of the run
	stepwise bool   // the loop adds metrics, not the device
	warning  string // of the network on such batches; "": none
	noticed  []string

	began     time.Time     // of this process
	before    float64       // seconds of the processes before
	trained   int           // images, by this process
	training  time.Duration // time of their training
	epochFrom time.Time     // when this process began the current epoch
	evalTime  time.Duration // of the last evaluation
	reported  time.Time     // last Progress
	plotted   time.Time     // last curves
	lr        float64       // of the last step
}

func (r *run) close() {
	if r.meter != nil {
		r.meter.End()
	}
	if r.prog != nil {
		r.prog.Close()
	}
	for _, j := range []*journal{r.metrics, r.events} {
		if j != nil {
			j.Close()
		}
	}
}

// notice reports a limit of the file system, or an old checkpoint that stays; each text once.
func (r *run) notice(text string) {
	if !slices.Contains(r.noticed, text) {
		r.noticed = append(r.noticed, text)
		r.obs.Notice(text)
	}
}

// now is the time without that in which the process was stopped.
func (r *run) now() time.Time {
	if r.o.Paused == nil {
		return time.Now()
	}
	return time.Now().Add(-r.o.Paused())
}

// create begins a new run.
func (r *run) create() error {
	r.rec = &Record{
		Name: r.spec.Name, Status: Starting, Seed: r.spec.Seed, Weights: r.o.Weights, Data: r.o.DataNote, Classes: r.o.Classes,
		TrainData: Fingerprint(r.o.Train), TestData: Fingerprint(Joined(r.o.Test, r.o.Validation)), Started: r.began.Truncate(time.Second),
	}
	g, err := r.compile()
	if err != nil {
		return err
	}
	if err := r.initialize(g); err != nil {
		return err
	}
	// With config.toml the directory counts as a run that can be resumed, so the other files that a
	// resume needs come before it.
	if err := r.dir.writeRecord(r.rec); err != nil {
		return err
	}
	if err := r.dir.store.writeBytes(r.dir.path(ConfigFile), r.spec.TOML()); err != nil {
		return err
	}
	return r.begin()
}

// initialize sets fresh or given weights.
func (r *run) initialize(g *graph.Graph) error {
	if err := r.prog.SetState(engine.InitTensors(g, r.spec.Seed)); err != nil {
		return fmt.Errorf("setting initial weights: %w", err)
	}
	if r.rec.Weights == "" {
		return nil
	}
	left, err := loadWeights(r.prog, r.rec.Weights)
	if left > 0 {
		r.obs.Notice(fmt.Sprintf("%s has no running statistics for %d tensors: they start from their defaults", r.rec.Weights, left))
	}
	return err
}

// begin opens the journals of a run at step 0 and writes its first checkpoint.
func (r *run) begin() error {
	if err := r.openJournals(); err != nil {
		return err
	}
	r.start(false)
	if err := r.save(r.mark()); err != nil {
		return err
	}
	return r.written(true)
}

// openJournals opens metrics.jsonl and the event file at the lengths in the counters.
func (r *run) openJournals() error {
	var err error
	if r.metrics, err = openJournal(r.dir.store, r.dir.path(MetricsFile), r.k.MetricsBytes, &lines{}); err != nil {
		return err
	}
	if r.metrics.notice == "" && r.k.MetricsSHA256 != "" && r.metrics.digest() != r.k.MetricsSHA256 {
		r.metrics.notice = MetricsFile + ": its lines are not those that the checkpoint vouches for: something changed them since"
	}
	name := fmt.Sprintf("%s%d%s", eventsPrefix, r.rec.Started.Unix(), eventsSuffix)
	names, err := r.dir.store.Names(r.dir.dir)
	if err != nil {
		return fmt.Errorf("reading the run directory: %w", err)
	}
	if i := slices.IndexFunc(names, isEvents); i >= 0 {
		name = names[i]
	}
	if r.events, err = openJournal(r.dir.store, r.dir.path(name), r.k.EventsBytes, &records{}); err != nil {
		return err
	}
	for _, j := range []*journal{r.metrics, r.events} {
		if j.notice != "" {
			r.obs.Notice(j.notice)
		}
	}
	if r.events.size == 0 {
		return r.events.append(eventHeader(r.began))
	}
	return nil
}

// targets names the targets of the training loss where they are not the labels alone; "" where they
// are.
func targets(t dsl.Train) string {
	var of []string
	if t.Mixup > 0 {
		of = append(of, "mixed images, and the error counts the label of the greater weight")
	}
	if t.Smoothing > 0 {
		of = append(of, fmt.Sprintf("labels smoothed by %v", t.Smoothing))
	}
	if of == nil {
		return ""
	}
	return fmt.Sprintf("the training loss is of %s; test and validation loss are of plain images and labels", strings.Join(of, ", and of "))
}

func (r *run) start(resumed bool) {
	t := r.spec.Train
	info := r.prog.Info()
	d := Decisions{
		Name: r.spec.Name, Dir: r.dir.dir, Device: info.Device, Detail: info.Detail, Workers: info.Workers, Seed: r.spec.Seed,
		Replicas: t.Replicas, Batch: t.Batch, Epochs: t.Epochs, StepsPerEpoch: r.perEpoch, MaxSteps: t.MaxSteps, Parameters: r.rec.Parameters,
		MemoryBytes: info.Memory + int64(len(r.o.Train.Pix)), FreeBytes: cmp.Or(info.Free, r.o.FreeBytes), TrainImages: r.o.Train.N,
		Data: r.rec.Data, Weights: r.rec.Weights, Version: r.o.Version, Resumed: resumed, Epoch: r.k.Epochs, Step: r.k.Step,
	}
	if r.o.Test != nil {
		d.TestImages = r.o.Test.N
		d.MemoryBytes += int64(len(r.o.Test.Pix))
	}
	if r.o.Validation != nil {
		d.ValImages = r.o.Validation.N
		d.MemoryBytes += int64(len(r.o.Validation.Pix))
	}
	r.obs.Start(d)
	for _, s := range append([]string{r.warning, targets(t)}, r.o.Notices...) {
		if s != "" {
			r.obs.Notice(s)
		}
	}
	r.watch()
}
