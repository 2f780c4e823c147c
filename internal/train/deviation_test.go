package train

import (
	"os"
	"path/filepath"
	"testing"

	"shake/internal/engine"
)

// The mistakes of other implementations (docs/paper.md) that a training loop can make.

// A loop that drops the last, smaller batch trains on 24 of 29 images an epoch.
func TestDeviation_DropLastBatch(t *testing.T) {
	seen := map[int32]int{}
	o := options(t, tempDir(t), "train.epochs=1")
	o.Backend = toy{bad: -1, onStep: func(s engine.Step) {
		for _, i := range s.Index {
			seen[i]++
		}
	}}
	mustRun(t, o)
	for i := range int32(29) {
		if seen[i] != 1 {
			t.Errorf("image %d was trained on %d times in an epoch", i, seen[i])
		}
	}
}

// A rate that changes once an epoch is constant within it, and is not 0 in the last step.
func TestDeviation_LRPerEpoch(t *testing.T) {
	var rates []float64
	o := options(t, tempDir(t), "train.epochs=2")
	o.Backend = toy{bad: -1, onStep: func(s engine.Step) { rates = append(rates, s.LR) }}
	mustRun(t, o)
	for i := 1; i < len(rates); i++ {
		if rates[i] >= rates[i-1] {
			t.Errorf("the rate of step %d is %g after %g", i+1, rates[i], rates[i-1])
		}
	}
	if last := rates[len(rates)-1]; last > 1e-12 {
		t.Errorf("the last step has rate %g", last)
	}
}

// A run that reports its best epoch reports a lower error than its last.
func TestDeviation_BestEpoch(t *testing.T) {
	o := options(t, tempDir(t), "train.epochs=10")
	o.Test = images(40, 3)
	var l listener
	o.Observer = &l
	s := mustRun(t, o)
	last, best := l.epochs[len(l.epochs)-1], l.epochs[0]
	for _, e := range l.epochs {
		if e.TestError < best.TestError {
			best = e
		}
	}
	if best.TestError == last.TestError {
		t.Fatal("the last epoch is the best: this run proves nothing")
	}
	if s.TestError != last.TestError || s.TestLoss != last.TestLoss {
		t.Errorf("reported %g, want the last epoch's %g (the best is %g)", s.TestError, last.TestError, best.TestError)
	}
}

// A resume that opens the log anew loses the epochs before it.
func TestDeviation_LogTruncation(t *testing.T) {
	dir := tempDir(t)
	mustRun(t, options(t, dir, "train.max_steps=8"))
	before, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	log, _ := os.ReadFile(filepath.Join(dir, LogFile))
	o := options(t, dir)
	o.Resume = true
	mustRun(t, o)
	for file, old := range map[string][]byte{MetricsFile: before, LogFile: log} {
		after, _ := os.ReadFile(filepath.Join(dir, file))
		if len(old) == 0 || len(after) <= len(old) || string(after[:len(old)]) != string(old) {
			t.Errorf("%s lost what stood in it before the resume:\n%s", file, after)
		}
	}
}
