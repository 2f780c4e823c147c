package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"shake/internal/gpustat"
	"shake/internal/report"
	"shake/internal/train"
)

// quiet is the time after which a log file gets a line within an epoch.
const quiet = time.Minute

// unread is the bytes of lasting lines that wait for a reader of the screen that stands still.
const unread = 1 << 20

// screen is the destination of progress. On a terminal the last lines are rewritten. Any other
// destination gets whole lines and never a carriage return. A reader that stands still misses live
// lines, and behind so many bytes lasting ones, which are counted.
type screen struct {
	mu   sync.Mutex
	out  *outlet
	size func() (width, height int) // nil: not a terminal
	live int                        // the number of last lines that are live
	left int                        // lasting lines that were left out since the last one
}

// newScreen makes a screen on w. A terminal that calls itself dumb counts as a file. No colour is
// used, with NO_COLOR or without.
func newScreen(w io.Writer) *screen {
	s := &screen{out: newOutlet(w)}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return s
	}
	s.size = func() (int, int) {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
		return 80, 24
	}
	return s
}

// print writes a lasting line above the live one.
func (s *screen) print(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.wipe() + report.Plain(line) + "\n"
	if s.left > 0 {
		text = s.wipe() + fmt.Sprintf("(%s left out here, which nothing read)\n", report.Plural(s.left, "line")) + report.Plain(line) + "\n"
	}
	if !s.out.put([]byte(text), unread) {
		s.left++
		return
	}
	s.live, s.left = 0, 0
}

// Write prints lines.
func (s *screen) Write(b []byte) (int, error) {
	s.print(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// show replaces the live lines; without a terminal it does nothing. Lines beyond the terminal's
// height are left out.
func (s *screen) show(lines func(width int) []string) {
	if s.size == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	width, height := s.size()
	// The last column stays free: some terminals wrap as soon as it is written.
	live := lines(width - 1)
	live = live[:min(len(live), max(height-1, 1))]
	if s.out.put([]byte(s.wipe()+report.Plain(strings.Join(live, "\n"))), 0) {
		s.live = len(live)
	}
}

// close ends the live lines.
func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live > 0 && s.out.put([]byte(s.wipe()), unread) {
		s.live = 0
	}
}

// flush waits until all is read; see outlet.flush.
func (s *screen) flush(hurry <-chan struct{}) { s.out.flush(hurry) }

// wipe is the text that removes the live lines, from the last one up.
func (s *screen) wipe() string {
	if s.live == 0 {
		return ""
	}
	return "\r\x1b[K" + strings.Repeat("\x1b[A\x1b[K", s.live-1)
}

// watcher shows a run to a person. It is a train.Observer.
type watcher struct {
	*screen
	now     func() time.Time
	samples func() []gpustat.Sample // of the run's cards, the last ones
	last    time.Time               // time of the last lasting line
	epochs  int
	name    string // of the run directory
}

func newWatcher(s *screen, samples func() []gpustat.Sample) *watcher {
	return &watcher{screen: s, now: time.Now, samples: samples}
}

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
	w.show(func(width int) []string { return append(cardLines(w.samples(), width), liveLine(p, width)) })
	if w.size == nil && !p.Evaluating && w.now().Sub(w.last) >= quiet {
		w.line(strings.Join(append([]string{progressLine(p)}, cardLines(w.samples(), math.MaxInt)...), "  "))
	}
}

func (w *watcher) Step(train.StepRecord) {}

func (w *watcher) Epoch(e train.EpochRecord) { w.line(epochLine(e, w.epochs)) }

func (w *watcher) Saved(train.Saved) {}

func (w *watcher) Notice(text string) { w.line(text) }

func (w *watcher) End(train.Summary) { w.close() }

// imageCounts says how many images a run has for training, validation and test.
func imageCounts(d train.Decisions) string {
	s := fmt.Sprintf("%s training and %s test images", report.Count(int64(d.TrainImages)), report.Count(int64(d.TestImages)))
	if d.ValImages > 0 {
		s = fmt.Sprintf("%s training, %s validation and %s test images", report.Count(int64(d.TrainImages)), report.Count(int64(d.ValImages)), report.Count(int64(d.TestImages)))
	}
	return s
}

// decisionLines are the decisions of a run, before the first step.
func decisionLines(d train.Decisions) []string {
	row := func(name, format string, args ...any) string {
		return fmt.Sprintf("%-11s", name) + fmt.Sprintf(format, args...)
	}
	lines := []string{
		row("network", "%s, %s parameters", d.Name, report.Count(d.Parameters)),
		row("device", "%s: %s", d.Device, d.Detail),
		row("data", "%s: %s", imageCounts(d), d.Data),
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
