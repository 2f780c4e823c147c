package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/internal/engine"
)

// TestValidation: a split is evaluated beside the test set, in metrics, events, summary and log,
// and both figures are those of their own images.
func TestValidation(t *testing.T) {
	l := &listener{}
	o := options(t, filepath.Join(tempDir(t), "run"))
	o.Validation, o.Observer = images(7, 5), l
	s := mustRun(t, o)
	last := l.epochs[len(l.epochs)-1]
	if last.ValImages != 7 || last.TestImages != 11 || s.ValImages != 7 || s.ValError != last.ValError || s.ValLoss != last.ValLoss || last.ValLoss == last.TestLoss {
		t.Fatalf("last epoch %+v, summary %+v", last, s)
	}
	weights := filepath.Join(o.Dir, WeightsFile)
	test, err := Predict(t.Context(), o.Spec, toy{bad: -1}, weights, o.Test, nil)
	if err != nil || test.TestLoss != last.TestLoss || test.TestError != last.TestError {
		t.Errorf("the test images alone have %+v, %v, in the run %+v", test, err, last)
	}
	all, err := Predict(t.Context(), o.Spec, toy{bad: -1}, weights, Joined(o.Test, o.Validation), nil)
	if sum := 11*last.TestLoss + 7*last.ValLoss; err != nil || all.Images != 18 || math.Abs(18*all.TestLoss-sum) > 1e-12 {
		t.Errorf("all images have %+v, %v, in the run %v together", all, err, sum)
	}
	epochs, err := readEpochs(o.Dir)
	if err != nil || len(epochs) != 4 {
		t.Fatalf("%d epochs, %v", len(epochs), err)
	}
	last.Took = 0
	if have := epochs[3]; have != last {
		t.Errorf("read back %+v, want %+v", have, last)
	}
	log, _ := os.ReadFile(filepath.Join(o.Dir, LogFile))
	events, _ := os.ReadFile(eventFiles(t, o.Dir)[0])
	if !strings.Contains(string(log), " validation loss ") || bytes.Count(events, []byte("validation/error")) != 4 {
		t.Errorf("log and event file have no validation:\n%s", log)
	}
	if p := last.Point(1); p.ValError != last.ValError || p.ValLoss != last.ValLoss {
		t.Errorf("its point is %+v", p)
	}
}

// TestValidationResumes: other images of the split are refused, the same ones go on.
func TestValidationResumes(t *testing.T) {
	o := options(t, filepath.Join(tempDir(t), "run"), "train.max_steps=6")
	o.Validation = images(7, 5)
	mustRun(t, o)
	o.Resume, o.Spec, o.Validation = true, spec(t), images(7, 6)
	var bad *Mismatch
	if _, err := Run(context.Background(), o); !errors.As(err, &bad) {
		t.Errorf("other images: %v", err)
	}
	o.Validation = images(7, 5)
	if s := mustRun(t, o); s.Epochs != 4 || s.ValImages != 7 {
		t.Errorf("resumed: %+v", s)
	}
}

// TestEvalEvery: only every third epoch and the last are evaluated; weights and training figures
// stay the same, and the key may change when a run is resumed.
func TestEvalEvery(t *testing.T) {
	dir := tempDir(t)
	plain := options(t, filepath.Join(dir, "plain"))
	mustRun(t, plain)
	evals := 0
	o := options(t, filepath.Join(dir, "third"), "train.eval_every=3", "train.max_steps=6")
	o.Backend = toy{bad: -1, onEval: func(lo int) {
		if lo == 0 {
			evals++
		}
	}}
	mustRun(t, o) // evaluated where it stops, in epoch 2
	o.Resume, o.Spec = true, spec(t, "train.eval_every=3")
	mustRun(t, o)
	if evals != 3 {
		t.Errorf("%d evaluations, want those of steps 6, 12 and 16", evals)
	}
	have, err := readEpochs(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := readEpochs(plain.Dir)
	for i, e := range have {
		if due := i == 2 || i == 3; due != (e.TestImages > 0) || due && e != want[i] || e.TrainLoss != want[i].TrainLoss {
			t.Errorf("epoch %d: %+v, want the figures of %+v", i+1, e, want[i])
		}
	}
	if !bytes.Equal(result(t, o.Dir)[WeightsFile], result(t, plain.Dir)[WeightsFile]) {
		t.Error("the weights differ")
	}
}

// TestLongerRun: more epochs are another experiment, and the message says how to go on from the
// weights.
func TestLongerRun(t *testing.T) {
	o := options(t, filepath.Join(tempDir(t), "run"))
	mustRun(t, o)
	o.Resume, o.Spec = true, spec(t, "train.epochs=9")
	_, err := Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "train.epochs: 4, now 9; ") || !strings.HasSuffix(err.Error(), "--weights "+filepath.Join(o.Dir, WeightsFile)) {
		t.Errorf("have %v", err)
	}
}

// TestTargetsNotice: a run says so if its training loss is not of the labels.
func TestTargetsNotice(t *testing.T) {
	for override, want := range map[string]string{
		"train.label_smoothing=0.1": "the training loss is of labels smoothed by 0.1; test and validation loss are of plain images and labels",
		"train.mixup=0.2":           "the training loss is of mixed images, and the error counts the label of the greater weight; test and validation loss are of plain images and labels",
		"train.label_smoothing=0":   "",
	} {
		l := &listener{}
		o := options(t, filepath.Join(tempDir(t), "run"), override, "train.max_steps=1")
		o.Observer = l
		mustRun(t, o)
		if have := strings.Join(l.notices, "\n"); have != want {
			t.Errorf("%s: want %q, have %q", override, want, have)
		}
	}
}

// TestTooManySteps: a run whose steps have no numbers of 32 bits is refused.
func TestTooManySteps(t *testing.T) {
	for n, fits := range map[int]bool{85897: true, 85898: false, 200000: false} {
		r := &run{spec: spec(t, "train.epochs=50000", "train.batch=1", "train.replicas=1")}
		r.o.Train = &engine.Images{N: n}
		err := r.plan()
		if (err == nil) != fits || err != nil && !strings.Contains(err.Error(), "4294967296 steps") {
			t.Errorf("%d images: %v", n, err)
		}
	}
}
