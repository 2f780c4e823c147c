package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"shake/internal/gpustat"
	"shake/internal/train"
)

var somewhere = train.Progress{
	Epoch: 3, Epochs: 20, Step: 50, StepsPerEpoch: 100, TotalStep: 250, TotalSteps: 2000,
	Loss: 1.23456, Error: 45.678, LR: 0.1923, ImagesPerSec: 412.3, ETA: 185 * time.Second,
}

func TestLiveLine(t *testing.T) {
	starting := train.Progress{Epoch: 1, Epochs: 2, StepsPerEpoch: 0}
	evaluating := somewhere
	evaluating.Evaluating = true
	for _, c := range []struct {
		name  string
		p     train.Progress
		width int
		want  string
	}{
		{"wide", somewhere, 200, "epoch 3/20  ##########..........   50%  loss 1.2346  error 45.68%  lr 0.1923  412 img/s  ETA 3 m 5 s"},
		{"no room for the bar", somewhere, 90, "epoch 3/20   50%  loss 1.2346  error 45.68%  lr 0.1923  412 img/s  ETA 3 m 5 s"},
		{"no room for the speed", somewhere, 60, "epoch 3/20   50%  loss 1.2346  error 45.68%  ETA 3 m 5 s"},
		{"narrow", somewhere, 30, "epoch 3/20   50%  ETA 3 m 5 s"},
		{"one field, cut", somewhere, 5, "epoch"},
		{"no room", somewhere, 0, ""},
		{"no room at all", somewhere, -1, ""},
		{"nothing known yet", starting, 80, "epoch 1/2  ....................    0%  loss 0.0000  error 0.00%  lr 0"},
		{"about to diverge", train.Progress{Epoch: 1, Epochs: 2, Loss: 7.9356e12}, 45, "epoch 1/2    0%  loss 7.94e+12  error 0.00%"},
		{"evaluating", evaluating, 30, "epoch 3/20  test  ETA 3 m 5 s"},
	} {
		if have := liveLine(c.p, c.width); have != c.want {
			t.Errorf("%s:\nhave %q\nwant %q", c.name, have, c.want)
		}
	}
}

// watch plays an epoch of a run to a screen of the given width (0: no terminal) and returns the
// output.
func watch(width int) string {
	var b bytes.Buffer
	s := &screen{out: newOutlet(&b)}
	if width > 0 {
		s.size = func() (int, int) { return width, 24 }
	}
	now := time.Unix(0, 0)
	w := &watcher{screen: s, now: func() time.Time { return now }, samples: func() []gpustat.Sample {
		return []gpustat.Sample{{MemoryUsed: 41 << 30, MemoryTotal: 80 << 30, Utilization: 97, Power: 412, Temperature: gpustat.Unknown}}
	}}
	w.Start(train.Decisions{Name: "n", Dir: "d", Device: "cpu", Epochs: 20, MemoryBytes: 2e9, FreeBytes: 1e9})
	s.flush(nil)
	w.Progress(somewhere)
	s.flush(nil)
	now = now.Add(2 * quiet)
	w.Progress(somewhere)
	s.flush(nil)
	w.Epoch(train.EpochRecord{Epoch: 3, TrainLoss: 1.5, TrainError: 50, TestLoss: 1.25, TestError: 40, TestImages: 10, LR: 0.1, Took: 61 * time.Second})
	s.flush(nil)
	w.Progress(somewhere)
	w.End(train.Summary{})
	s.flush(nil)
	return b.String()
}

func TestWatcherOnATerminal(t *testing.T) {
	have := watch(60)
	if !strings.Contains(have, "\r\x1b[K\x1b[A\x1b[Kepoch  3/20  train loss 1.5000  error 50.00%  test loss 1.2500  error 40.00%  lr 0.1  1 m 1 s\n") {
		t.Errorf("the epoch's line does not replace the live ones:\n%q", have)
	}
	if !strings.HasSuffix(have, "ETA 3 m 5 s\r\x1b[K\x1b[A\x1b[K") {
		t.Errorf("live lines are left behind: %q", have)
	}
	if n := strings.Count(have, "\x1b[Kcard 0  41.0/80.0 GiB  97%  412 W\n") + strings.Count(have, "directory  d\ncard 0  41.0/80.0 GiB  97%  412 W\n"); n != 2 {
		t.Errorf("the card stands above the steps %d times, want 2 behind live lines: %q", n, have)
	}
	for part := range strings.SplitSeq(have, "\r\x1b[K") {
		if live := part[strings.LastIndex(part, "\n")+1:]; len(live) > 59 {
			t.Errorf("a live line of %d columns on a terminal of 60: %q", len(live), live)
		}
	}
}

// TestScreenOfSeveralLines: live lines are wiped from the last one up, and at most as many are
// shown as the terminal has.
func TestScreenOfSeveralLines(t *testing.T) {
	var b bytes.Buffer
	s := &screen{out: newOutlet(&b), size: func() (int, int) { return 10, 3 }}
	s.show(func(width int) []string { return []string{"a", "b", "c", "d"} })
	s.print("x")
	s.close()
	s.flush(nil)
	if want := "a\nb\r\x1b[K\x1b[A\x1b[Kx\n"; b.String() != want {
		t.Errorf("have %q, want %q", b.String(), want)
	}
}

func TestWatcherInALogFile(t *testing.T) {
	have := watch(0)
	if strings.ContainsAny(have, "\r\x1b") {
		t.Errorf("control characters in a log file: %q", have)
	}
	if !strings.Contains(have, "ETA 3 m 5 s  card 0  41.0/80.0 GiB  97%  412 W\n") {
		t.Errorf("no card behind the steps: %q", have)
	}
	if n := strings.Count(have, "step 50/100"); n != 1 {
		t.Errorf("%d progress lines, want 1: one after a quiet minute, none before", n)
	}
	if !strings.Contains(have, "memory     1.9 GiB needed, 953.7 MiB free: too little") {
		t.Errorf("no warning about memory in:\n%s", have)
	}
}

func TestEvents(t *testing.T) {
	var b bytes.Buffer
	e := newEvents(&b)
	o := both{e, newEvents(io.Discard)}
	o.Start(train.Decisions{Name: "n", Seed: math.MaxUint64})
	o.Progress(somewhere)
	o.Step(train.StepRecord{Step: 1})
	o.Epoch(train.EpochRecord{Epoch: 1, TestImages: 1, TestLoss: math.Inf(1)})
	o.Saved(train.Saved{Path: "p"})
	o.Notice("careful")
	o.End(train.Summary{Evaluated: true, TrainLoss: math.NaN(), Diverged: &train.Divergence{Epoch: 2}})
	if err := e.flush(nil); err != nil {
		t.Error(err)
	}
	var names []string
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		names = append(names, m["event"].(string))
		if v, ok := m["test_loss"]; ok && v != nil {
			t.Errorf("an infinite loss became %v, want null", v)
		}
	}
	if have, want := strings.Join(names, " "), "start progress step epoch saved notice end"; have != want {
		t.Errorf("have events %s, want %s", have, want)
	}
}
