package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/ref"
	"shake/internal/graph"
)

// TestAverages: an epoch belongs to the average where it lies behind train.swa.
func TestAverages(t *testing.T) {
	for _, c := range []struct {
		swa  float64
		want string // of epochs 1 to 4
	}{{0, "----"}, {0.5, "--++"}, {0.6, "--++"}, {0.75, "---+"}, {1, "-+++"}, {3, "---+"}, {1e-9, "++++"}} {
		have := ""
		for e := 1; e <= 4; e++ {
			if averages(dsl.Train{Epochs: 4, SWA: c.swa}, e) {
				have += "+"
			} else {
				have += "-"
			}
		}
		if have != c.want {
			t.Errorf("swa = %v: want %s, have %s", c.swa, c.want, have)
		}
	}
}

// tensorsOf reads a safetensors file by name.
func tensorsOf(t *testing.T, file string) map[string][]float64 {
	t.Helper()
	ts, _, err := readTensors(file, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string][]float64{}
	for _, x := range ts {
		m[x.Name] = numbers(x)
	}
	return m
}

// TestAverage trains a real network in float64: the averaged file has the means of the parameters
// at the ends of the last two epochs, and the running statistics of the whole training set, which
// is one batch, under these. Its figures are those of the file.
func TestAverage(t *testing.T) {
	o := options(t, filepath.Join(tempDir(t), "run"), "train.swa=2", "train.batch=8", "train.replicas=1", "data.augment=false", "shake=E-E-B")
	o.Backend, o.Train, o.Test, o.Validation = ref.Backend{}, images(8, 1), images(3, 2), images(2, 4)
	var ends []map[string][]float64
	o.Observer = &listener{onSaved: func(s Saved) {
		if s.Epoch > 2 {
			ends = append(ends, tensorsOf(t, filepath.Join(o.Dir, WeightsFile)))
		}
	}}
	s := mustRun(t, o)
	if len(ends) != 2 || s.Average == nil || s.Average.Epochs != 2 {
		t.Fatalf("%d epochs saved, average %+v", len(ends), s.Average)
	}
	have := tensorsOf(t, filepath.Join(o.Dir, AverageFile))
	for name, v := range have {
		if strings.Contains(name, "running") {
			continue
		}
		for i := range v {
			if want := (ends[0][name][i] + ends[1][name][i]) / 2; math.Abs(v[i]-want) > 1e-7*(1+math.Abs(want)) {
				t.Fatalf("%s[%d]: want %v, have %v", name, i, want, v[i])
			}
		}
	}
	// Many steps at a rate of 0 bring running statistics to those of the one batch.
	_, p, err := compile(o.Spec, o.Backend, o.Train, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := loadWeights(p, filepath.Join(o.Dir, AverageFile)); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := p.Step(engine.Step{Iteration: uint32(i), Index: []int32{0, 1, 2, 3, 4, 5, 6, 7}}); err != nil {
			t.Fatal(err)
		}
	}
	state, _ := p.State()
	for _, x := range state {
		name, running := strings.CutPrefix(x.Name, replica0Prefix)
		for i, v := range numbers(x) {
			if running && math.Abs(v-have[name][i]) > 1e-5*(1+math.Abs(v)) {
				t.Fatalf("%s[%d]: want the batch's %v, have %v", name, i, v, have[name][i])
			}
		}
	}
	e, err := Predict(t.Context(), o.Spec, o.Backend, filepath.Join(o.Dir, AverageFile), o.Test, nil)
	if err != nil || math.Abs(e.TestLoss-*s.Average.TestLoss) > 1e-5 || e.TestError != *s.Average.TestError {
		t.Errorf("the file has %+v, %v, the line %v and %v", e, err, *s.Average.TestLoss, *s.Average.TestError)
	}
	lines, _ := os.ReadFile(filepath.Join(o.Dir, MetricsFile))
	last := bytes.Split(bytes.TrimSpace(lines), []byte("\n"))
	var line averageLine
	if err := json.Unmarshal(last[len(last)-1], &line); err != nil || line.Event != "average" || line.Epochs != 2 || *line.TestLoss != *s.Average.TestLoss || line.ValImages != 2 {
		t.Errorf("the last line is %s (%v)", last[len(last)-1], err)
	}
	o.Resume, o.Observer = true, nil
	if again := mustRun(t, o); !reflect.DeepEqual(again.Average, s.Average) {
		t.Errorf("resumed when it was complete: %+v, before %+v", again.Average, s.Average)
	}
}

// TestAverageResumes: interrupted within the epochs of the average, and within its last pass, a run
// ends with the same bits, the average's too.
func TestAverageResumes(t *testing.T) {
	dir := tempDir(t)
	plain := options(t, filepath.Join(dir, "plain"), "train.swa=1")
	mustRun(t, plain)
	want := result(t, plain.Dir)
	mean, err := os.ReadFile(filepath.Join(plain.Dir, AverageFile))
	if err != nil {
		t.Fatal(err)
	}
	// 16 steps, then four of the average.
	for _, at := range []int{6, 13, 16, 18} {
		ctx, stop := context.WithCancel(context.Background())
		steps := 0
		o := options(t, filepath.Join(dir, "stopped"+string(rune('a'+at))), "train.swa=1")
		o.Backend = toy{bad: -1, onStep: func(engine.Step) {
			if steps++; steps == at {
				stop()
			}
		}}
		if _, err := Run(ctx, o); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("stopped at step %d: %v", at, err)
		}
		stop()
		o.Resume, o.Backend = true, toy{bad: -1}
		s := mustRun(t, o)
		if s.Average == nil || s.Average.Epochs != 3 {
			t.Errorf("stopped at step %d: %+v", at, s.Average)
		}
		for name, b := range result(t, o.Dir) {
			if !bytes.Equal(b, want[name]) {
				t.Errorf("stopped at step %d: %s differs", at, name)
			}
		}
		if b, _ := os.ReadFile(filepath.Join(o.Dir, AverageFile)); !bytes.Equal(b, mean) {
			t.Errorf("stopped at step %d: the average differs", at)
		}
	}
}

// TestAverageInCheckpoints: a checkpoint whose average cannot be is refused; given as weights its
// average is left aside.
func TestAverageInCheckpoints(t *testing.T) {
	o := options(t, filepath.Join(tempDir(t), "run"), "train.swa=1", "train.max_steps=12")
	mustRun(t, o)
	r := &run{spec: o.Spec}
	p := checkpoint{counters: counters{Averaged: 2}}
	ts, _, err := readTensors(generations(t, o.Dir)[0], 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	p.state = ts
	if rest, err := r.takeAverage(p); err != nil || len(r.mean) == 0 || len(rest)+len(r.mean) != len(ts) {
		t.Errorf("%d of %d tensors, %d means, %v", len(rest), len(ts), len(r.mean), err)
	}
	var bad *Corrupt
	p.Averaged = 0
	if _, err := r.takeAverage(p); !errors.As(err, &bad) {
		t.Errorf("an average of no epochs: %v", err)
	}
	p.Averaged = 2
	for i, x := range ts {
		if strings.HasPrefix(x.Name, averagePrefix) {
			p.state = append(append([]engine.Tensor(nil), ts[:i]...), ts[i+1:]...)
			break
		}
	}
	if _, err := r.takeAverage(p); !errors.As(err, &bad) {
		t.Errorf("an average without a parameter: %v", err)
	}
	next := options(t, filepath.Join(tempDir(t), "next"))
	next.Weights = generations(t, o.Dir)[0]
	mustRun(t, next)
}

// TestExponentialAverage: a run ends with the program's own average, of whose weights the
// checkpoint has the same numbers, and with statistics for it; interrupted anywhere it ends with
// the same bits.
func TestExponentialAverage(t *testing.T) {
	dir := tempDir(t)
	small := func(name string) Options {
		o := options(t, filepath.Join(dir, name), "train.ema=0.6", "train.batch=4", "train.epochs=2", "train.replicas=1")
		o.Backend, o.Train, o.Test = ref.Backend{}, images(8, 1), images(3, 2)
		return o
	}
	plain := small("plain")
	s := mustRun(t, plain)
	if s.Average == nil || s.Average.Decay != 0.6 || s.Average.Epochs != 0 || s.Average.TestImages != 3 {
		t.Fatalf("average %+v", s.Average)
	}
	last, have := tensorsOf(t, generations(t, plain.Dir)[0]), tensorsOf(t, filepath.Join(plain.Dir, AverageFile))
	weights := tensorsOf(t, filepath.Join(plain.Dir, WeightsFile))
	if len(have) != len(weights) {
		t.Errorf("the average has %d tensors, the weights %d", len(have), len(weights))
	}
	for name, v := range have {
		same := true
		for i := range v {
			if mean, is := last[averagePrefix+name]; is && float32(mean[i]) != float32(v[i]) {
				t.Fatalf("%s[%d]: want %v, have %v", name, i, mean[i], v[i])
			}
			same = same && v[i] == weights[name][i]
		}
		if same {
			t.Errorf("%s is that of the last weights", name)
		}
	}
	want := result(t, plain.Dir)
	// Four steps, then two for the average's statistics.
	for at := 1; at <= 6; at++ {
		ctx, stop := context.WithCancel(context.Background())
		o := small("stopped" + string(rune('a'+at)))
		o.Backend = watched{ref.Backend{}, func(step int) {
			if step == at {
				stop()
			}
		}}
		if _, err := Run(ctx, o); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("stopped at step %d: %v", at, err)
		}
		stop()
		o.Resume, o.Backend = true, ref.Backend{}
		mustRun(t, o)
		for name, b := range result(t, o.Dir) {
			if !bytes.Equal(b, want[name]) {
				t.Errorf("stopped at step %d: %s differs", at, name)
			}
		}
		a, _ := os.ReadFile(filepath.Join(plain.Dir, AverageFile))
		if b, _ := os.ReadFile(filepath.Join(o.Dir, AverageFile)); !bytes.Equal(a, b) {
			t.Errorf("stopped at step %d: the average differs", at)
		}
	}
	next := small("next")
	next.Weights = generations(t, plain.Dir)[0]
	mustRun(t, next)
	next = small("from the average")
	next.Weights = filepath.Join(plain.Dir, AverageFile)
	mustRun(t, next)
}

// watched tells of the steps that a backend's program has made, from 1.
type watched struct {
	engine.Backend
	made func(step int)
}

type watchedProgram struct {
	engine.Program
	steps int
	made  func(step int)
}

func (b watched) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	p, err := b.Backend.Compile(g, c)
	return &watchedProgram{p, 0, b.made}, err
}

func (p *watchedProgram) Step(s engine.Step) error {
	err := p.Program.Step(s)
	p.steps++
	p.made(p.steps)
	return err
}
