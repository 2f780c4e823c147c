package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"shake/internal/report"
	"shake/internal/train"
)

// quiet is how long a log file waits for a line within an epoch.
const quiet = time.Minute

// screen is where progress goes: a terminal, whose last line is rewritten, or anything else, which gets whole lines and never
// a carriage return.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int // nil: not a terminal
	live  bool       // the last line is a live one
}

// newScreen finds out what w is. A terminal that calls itself dumb is taken for a file. No colour is used, with NO_COLOR or without.
func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return s
	}
	s.width = func() int {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
		return 80
	}
	return s
}

// print writes a lasting line above the live one.
func (s *screen) print(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	fmt.Fprintln(s.w, line)
}

// show replaces the live line; without a terminal it does nothing.
func (s *screen) show(line func(width int) string) {
	if s.width == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	// The last column stays free: some terminals wrap as soon as it is written.
	fmt.Fprint(s.w, line(s.width()-1))
	s.live = true
}

// close ends the live line.
func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}

func (s *screen) wipe() {
	if s.live {
		fmt.Fprint(s.w, "\r\x1b[K")
	}
	s.live = false
}

// watcher shows a run to a person. It is a train.Observer.
type watcher struct {
	*screen
	now    func() time.Time
	last   time.Time // when the last lasting line was written
	epochs int
	name   string // of the run directory
}

func newWatcher(s *screen) *watcher { return &watcher{screen: s, now: time.Now} }

func (w *watcher) line(s string) {
	w.print(s)
	w.last = w.now()
}

func (w *watcher) Start(d train.Decisions) {
	w.epochs, w.name = d.Epochs, d.Dir
	for _, l := range decisionLines(d) {
		w.line(l)
	}
}

func (w *watcher) Progress(p train.Progress) {
	w.show(func(width int) string { return liveLine(p, width) })
	if w.width == nil && !p.Evaluating && w.now().Sub(w.last) >= quiet {
		w.line(progressLine(p))
	}
}

func (w *watcher) Step(train.StepRecord) {}

func (w *watcher) Epoch(e train.EpochRecord) { w.line(epochLine(e, w.epochs)) }

func (w *watcher) Saved(train.Saved) {}

func (w *watcher) Notice(text string) { w.line(text) }

func (w *watcher) End(train.Summary) { w.close() }

// decisionLines is what was decided, before the first step.
func decisionLines(d train.Decisions) []string {
	row := func(name, format string, args ...any) string {
		return fmt.Sprintf("%-11s", name) + fmt.Sprintf(format, args...)
	}
	lines := []string{
		row("network", "%s, %s parameters", d.Name, report.Count(d.Parameters)),
		row("device", "%s: %s", d.Device, d.Detail),
		row("data", "%s training and %s test images: %s", report.Count(int64(d.TrainImages)), report.Count(int64(d.TestImages)), d.Data),
		row("recipe", "%s of %s, batch %d in %s, seed %d", report.Plural(d.Epochs, "epoch"), report.Plural(d.StepsPerEpoch, "step"), d.Batch, report.Plural(d.Replicas, "replica"), d.Seed),
	}
	memory := row("memory", "%s needed", report.Bytes(d.MemoryBytes))
	if d.FreeBytes > 0 {
		memory += ", " + report.Bytes(d.FreeBytes) + " free"
		if d.MemoryBytes > d.FreeBytes {
			memory += ": too little, expect swapping; a smaller -o train.batch needs less"
		}
	}
	lines = append(lines, memory)
	if d.MaxSteps > 0 {
		lines = append(lines, row("stop", "after step %d", d.MaxSteps))
	}
	if d.Weights != "" {
		lines = append(lines, row("weights", "%s", d.Weights))
	}
	if d.Resumed {
		lines = append(lines, row("resumed", "after %s, %s", report.Plural(d.Epoch, "epoch"), report.Plural(d.Step, "step")))
	}
	return append(lines, row("directory", "%s", d.Dir))
}
