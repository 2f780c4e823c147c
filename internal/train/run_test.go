package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"shake/internal/engine"
)

// mustRun runs o and fails the test on an error.
func mustRun(t *testing.T, o Options) *Summary {
	t.Helper()
	s, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// result is the files that two equal runs have in common, to the last bit.
func result(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	newest := generations(t, dir)
	if len(newest) == 0 {
		t.Fatal("no checkpoint")
	}
	for _, f := range []string{filepath.Join(dir, MetricsFile), filepath.Join(dir, WeightsFile), filepath.Join(dir, ConfigFile), newest[0]} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = b
	}
	return out
}

// readEpochs reads a run's epochs as a report does.
func readEpochs(dir string) ([]EpochRecord, error) {
	rec, err := ReadRecord(dir)
	if err != nil {
		return nil, err
	}
	return ReadEpochs(dir, rec)
}

// generations are the paths of the checkpoints in dir, newest first.
func generations(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := (&checkpoints{dir: filepath.Join(dir, StateDir)}).list()
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// eventFiles are the paths of the TensorBoard files in dir.
func eventFiles(t *testing.T, dir string) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if isEvents(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

func same(t *testing.T, have, want map[string][]byte) {
	t.Helper()
	for name, w := range want {
		if name == ConfigFile {
			continue
		}
		if h, ok := have[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if !bytes.Equal(h, w) && strings.HasSuffix(name, ".jsonl") {
			t.Errorf("%s:\n%s\nwant\n%s", name, h, w)
		} else if !bytes.Equal(h, w) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestRun(t *testing.T) {
	dir := filepath.Join(tempDir(t), "a", "run")
	var steps []engine.Step
	var l listener
	o := options(t, dir)
	o.plain = false
	o.Backend, o.Observer = toy{bad: -1, onStep: func(s engine.Step) { steps = append(steps, s) }}, &l
	s := mustRun(t, o)

	if len(steps) != 16 || s.Steps != 16 || s.Epochs != 4 || !s.Finished || s.ImagesPerSec <= 0 {
		t.Fatalf("%d steps, summary %+v", len(steps), s)
	}
	for i, st := range steps {
		order := engine.Permutation(7, uint32(i/4+1), 29)
		want := order[i%4*8 : min(i%4*8+8, 29)]
		if st.Iteration != uint32(i) || !slices.Equal(st.Index, want) || st.LR != engine.LR(o.Spec.Train, i, 4) {
			t.Errorf("step %d is %+v, want images %v", i, st, want)
		}
	}
	for _, f := range []string{ConfigFile, RecordFile, MetricsFile, WeightsFile, LogFile, "curves.svg", "curves.png"} {
		if fi, err := os.Stat(filepath.Join(dir, f)); err != nil || fi.Size() == 0 {
			t.Errorf("%s: %v", f, err)
		}
	}
	if n := eventFiles(t, dir); len(n) != 1 {
		t.Errorf("event files %v", n)
	}
	if len(generations(t, dir)) != 2 {
		t.Error("not two checkpoints")
	}
	if len(l.started) != 1 || l.started[0].StepsPerEpoch != 4 || l.started[0].TestImages != 11 || l.started[0].Parameters == 0 {
		t.Errorf("decisions %+v", l.started)
	}
	if len(l.epochs) != 4 || len(l.ended) != 1 || l.ended[0].TestError != l.epochs[3].TestError || l.epochs[3].TestImages != 11 {
		t.Errorf("epochs %+v, end %+v", l.epochs, l.ended)
	}
	log, _ := os.ReadFile(filepath.Join(dir, LogFile))
	if bytes.ContainsRune(log, '\r') || !bytes.Contains(log, []byte("epoch 4 done at step 16")) {
		t.Errorf("log\n%s", log)
	}
	rec, err := ReadRecord(dir)
	if err != nil || rec.Status != Finished || rec.Device != "toy" || rec.Seed != 7 {
		t.Errorf("record %+v, %v", rec, err)
	}
	epochs, err := ReadEpochs(dir, rec)
	if err != nil || len(epochs) != 4 || epochs[3].TestLoss != s.TestLoss {
		t.Errorf("epochs %+v, %v", epochs, err)
	}
	if rec.TrainError == nil || rec.TestError == nil || *rec.TrainError != epochs[3].TrainError || *rec.TestError != epochs[3].TestError {
		t.Errorf("errors of the record %v and %v, want those of the last epoch, %+v", rec.TrainError, rec.TestError, epochs[3])
	}

	// A finished run is reported and left unchanged.
	before := result(t, dir)
	o.Resume, o.Backend = true, nil
	again := mustRun(t, o)
	if again.TestError != s.TestError || again.Steps != 16 || !again.Finished {
		t.Errorf("resumed: %+v", again)
	}
	same(t, result(t, dir), before)
}

// variants are recipes whose runs are interrupted at every place.
var variants = map[string][]string{
	"plain":            {"train.epochs=3"},
	"steps":            {"train.epochs=2", "train.log_steps=1"},
	"windows":          {"train.epochs=2", "train.log_steps=3"},
	"every two epochs": {"train.epochs=3", "train.checkpoint_every=2"},
	"every three step": {"train.epochs=2", "train.checkpoint_steps=3"},
	"in order":         {"train.epochs=2", "data.shuffle=false"},
	"cut short":        {"train.epochs=2", "train.max_steps=6"},
}

func TestInterruptedRunIsTheSame(t *testing.T) {
	for name, overrides := range variants {
		t.Run(name, func(t *testing.T) {
			whole := tempDir(t)
			steps := mustRun(t, options(t, whole, overrides...)).Steps
			want := result(t, whole)
			for at := 1; at <= steps; at++ {
				dir := tempDir(t)
				o := options(t, dir, overrides...)
				for _, stop := range []int{at, at + 2} {
					ctx, cancel := context.WithCancel(context.Background())
					o.Backend = toy{bad: -1, onStep: func(s engine.Step) {
						if int(s.Iteration)+1 == stop {
							cancel()
						}
					}}
					if _, err := Run(ctx, o); stop <= steps && !errors.Is(err, ErrInterrupted) {
						t.Fatalf("stopped at %d: %v", stop, err)
					}
					cancel()
					o.Resume = true
				}
				mustRun(t, o)
				same(t, result(t, dir), want)
			}
		})
	}
}

func TestInterruptedEvaluation(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	dir := tempDir(t)
	o := options(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	o.Backend = toy{bad: -1, onEval: func(int) { cancel() }}
	if _, err := Run(ctx, o); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	if rec, _ := ReadRecord(dir); rec.Status != Interrupted || rec.Steps != 4 || rec.Epochs != 0 {
		t.Errorf("record %+v", rec)
	}
	o.Resume, o.Backend = true, toy{bad: -1}
	mustRun(t, o)
	same(t, result(t, dir), result(t, whole))
}

func TestMaxStepsThenMore(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	for _, stop := range []int{1, 4, 6, 15} {
		dir := tempDir(t)
		s := mustRun(t, options(t, dir, fmt.Sprintf("train.max_steps=%d", stop)))
		if s.Steps != stop || s.Epochs != stop/4 || !s.Evaluated || !s.Finished {
			t.Errorf("stopped at %d: %+v", stop, s)
		}
		epochs, _ := readEpochs(dir)
		if n := len(epochs); n != (stop+3)/4 || epochs[n-1].Step != stop || epochs[n-1].TestImages != 11 {
			t.Errorf("stopped at %d: epochs %+v", stop, epochs)
		}
		o := options(t, dir)
		o.Resume = true
		mustRun(t, o)
		same(t, result(t, dir), result(t, whole))
	}
}

func TestDivergence(t *testing.T) {
	for name, overrides := range map[string][]string{"epochs": nil, "steps": {"train.log_steps=1"}} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			o := options(t, dir, overrides...)
			o.Backend = toy{bad: 6}
			for range 2 { // the second run is a resume, and only reported
				s, err := Run(context.Background(), o)
				var div *Diverged
				if !errors.As(err, &div) || div.Divergence != (Divergence{Epoch: 2, Iteration: 3, Step: 7}) {
					t.Fatalf("error %v", err)
				}
				if s == nil || s.Diverged == nil || s.Epochs != 1 && !o.Resume || s.Finished {
					t.Fatalf("summary %+v", s)
				}
				o.Resume = true
			}
			b, _ := os.ReadFile(filepath.Join(dir, MetricsFile))
			if !bytes.HasSuffix(b, []byte("{\"event\":\"diverged\",\"epoch\":2,\"iteration\":3,\"step\":7}\n")) {
				t.Errorf("metrics\n%s", b)
			}
			if rec, _ := ReadRecord(dir); rec.Status != DivergedRun || rec.Diverged == nil {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

func TestStepLines(t *testing.T) {
	dir := tempDir(t)
	var l listener
	o := options(t, dir, "train.epochs=1", "train.log_steps=1")
	o.Observer = &l
	mustRun(t, o)
	b, _ := os.ReadFile(filepath.Join(dir, MetricsFile))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], `{"event":"step","step":1,"epoch":1,"loss":`) || !strings.HasPrefix(lines[4], `{"event":"epoch","epoch":1,"step":4,`) {
		t.Fatalf("lines\n%s", b)
	}
	var images, wrong int
	var loss float64
	for _, s := range l.steps {
		images, wrong, loss = images+s.Images, wrong+s.Errors, loss+s.Loss*float64(s.Images)
	}
	e := l.epochs[0]
	if images != 29 || math.Abs(loss/29-e.TrainLoss) > 1e-12 || float64(wrong)/.29 != e.TrainError || l.steps[3].Images != 5 {
		t.Errorf("steps %+v, epoch %+v", l.steps, e)
	}
}

func TestNoTestSet(t *testing.T) {
	dir := tempDir(t)
	o := options(t, dir, "train.epochs=1")
	o.Test = nil
	if s := mustRun(t, o); s.TestImages != 0 || !s.Evaluated {
		t.Errorf("%+v", s)
	}
	b, _ := os.ReadFile(filepath.Join(dir, MetricsFile))
	if !bytes.Contains(b, []byte(`"test_loss":null,"test_error":null,"test_images":0`)) {
		t.Errorf("%s", b)
	}
}
