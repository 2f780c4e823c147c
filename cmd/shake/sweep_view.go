package main

import (
	"fmt"
	"math"
	"sync"
	"time"

	"shake/internal/experiment"
	"shake/internal/report"
)

// sweepView is the live table of a sweep: a line for each row, with its seeds, its state, its error
// and the remaining time.
type sweepView struct {
	mu     sync.Mutex
	title  string
	dir    string
	rows   []*sweepRow
	now    func() time.Time
	began  time.Time
	said   time.Time // of the last line, for a log file
	ending bool      // the user asked to stop
}

// sweepRow is one row with its runs.
type sweepRow struct {
	name, model, label string
	diverges           bool
	paper              float64
	work               float64 // of a step, as experiment.Work counts
	allSteps           int     // of a whole run
	runs               []*sweepRun
}

type sweepRun struct {
	run    experiment.Run
	status experiment.Status
	live   *experiment.Progress // of a running run
	steps  int                  // at which this process found it
	err    error
}

func newSweepView(d *experiment.Directory, runs []experiment.Run) *sweepView {
	v := &sweepView{title: d.Sweep.Title, dir: d.Path, now: time.Now, began: time.Now()}
	for _, r := range runs {
		n := len(v.rows)
		if n == 0 || v.rows[n-1].name != r.Row.Name {
			v.rows = append(v.rows, &sweepRow{name: r.Row.Name, model: r.Row.Model, label: r.Row.Spec.Shake.Label(), diverges: r.Row.Diverges, paper: r.Row.Paper,
				work: experiment.Work(r.Row.Spec), allSteps: experiment.Steps(r.Row.Spec)})
			n++
		}
		s := experiment.Look(r)
		v.rows[n-1].runs = append(v.rows[n-1].runs, &sweepRun{run: r, status: s, steps: s.Steps})
	}
	return v
}

// end records that the user asked to stop.
func (v *sweepView) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ending = true
}

// hear takes news of a run in, and returns the lines for a log file.
func (v *sweepView) hear(r experiment.Run, p *experiment.Progress, end *experiment.Result) (lines []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	x := v.find(r)
	switch {
	case end != nil:
		x.live, x.status, x.err = nil, end.Status, end.Err
		lines = append(lines, fmt.Sprintf("%v: %s", r, endOf(*end)))
		v.said = v.now()
	case x.live == nil:
		lines = append(lines, fmt.Sprintf("%v: training, %s", r, r.Dir))
		x.live = p
		v.said = v.now()
	default:
		x.live = p
		if v.now().Sub(v.said) >= quiet {
			v.said = v.now()
			lines = append(lines, fmt.Sprintf("%v: epoch %d/%d  error %.2f%%  ETA %s; sweep %s", r, p.Epoch, p.Epochs, p.Error, report.Duration(p.ETASeconds), v.left()))
		}
	}
	return lines
}

// endOf describes the end of a run.
func endOf(r experiment.Result) string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("failed: %v", r.Err)
	case r.Status.State == experiment.Finished:
		return fmt.Sprintf("finished, test error %s", percent(r.Status.TestError))
	case r.Status.State == experiment.Diverged:
		return "diverged " + r.Status.Note
	}
	return fmt.Sprintf("stopped after %s", report.Plural(r.Status.Epochs, "epoch"))
}

func (v *sweepView) find(r experiment.Run) *sweepRun {
	for _, row := range v.rows {
		for _, x := range row.runs {
			if x.run == r {
				return x
			}
		}
	}
	return nil // a run of another view, which is a bug
}

// table is the view as a table.
func (v *sweepView) table() report.Table {
	t := report.Table{Columns: []report.Column{{Title: "row"}, {Title: "model"}, {Title: "draws"}, right("runs"), {Title: "state"}, right("test error"), right("paper")}}
	for _, r := range v.rows {
		t.Rows = append(t.Rows, []any{r.name, r.model, r.label, r.over(), r.state(), r.error(), r.published()})
	}
	return t
}

// over is "2/3": the runs that are over, of all.
func (r *sweepRow) over() string {
	n := 0
	for _, x := range r.runs {
		if x.status.State.Over() {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(r.runs))
}

// state is the present work or the result of the row.
func (r *sweepRow) state() string {
	count := map[experiment.State]int{}
	failed := 0
	for _, x := range r.runs {
		if p := x.live; p != nil {
			if p.Epoch == 0 {
				return fmt.Sprintf("seed %d: starting", x.run.Seed)
			}
			s := fmt.Sprintf("seed %d: epoch %d/%d, error %.2f%%", x.run.Seed, p.Epoch, p.Epochs, p.Error)
			if p.ETASeconds > 0 {
				s += ", ETA " + report.Duration(p.ETASeconds)
			}
			return s
		}
		if x.err != nil {
			failed++
		}
		count[x.status.State]++
	}
	n := len(r.runs)
	switch {
	case failed > 0:
		return fmt.Sprintf("%d failed", failed)
	case count[experiment.Damaged] > 0:
		return fmt.Sprintf("%d damaged", count[experiment.Damaged])
	case count[experiment.Diverged] > 0:
		return fmt.Sprintf("%d diverged", count[experiment.Diverged])
	case count[experiment.Finished] == n:
		return "finished"
	case count[experiment.Part] > 0:
		return fmt.Sprintf("%d to go on with", count[experiment.Part])
	case count[experiment.Waiting] < n:
		return fmt.Sprintf("%d waiting", count[experiment.Waiting])
	}
	return "waiting"
}

// error is the mean of the finished runs, and their standard deviation where there are several.
func (r *sweepRow) error() string {
	var e []float64
	for _, x := range r.runs {
		if x.status.State == experiment.Finished && !math.IsNaN(x.status.TestError) {
			e = append(e, x.status.TestError)
		}
	}
	mean, dev := report.MeanDeviation(e)
	switch len(e) {
	case 0:
		return ""
	case 1:
		return percent(mean)
	}
	return fmt.Sprintf("%.2f ± %.2f%%", mean, dev)
}

func (r *sweepRow) published() string {
	switch {
	case r.diverges:
		return "diverges"
	case r.paper > 0:
		return percent(r.paper)
	}
	return ""
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return "none"
	}
	return fmt.Sprintf("%.2f%%", x)
}

// left is the time until all runs are over, at the mean speed of this process: "ETA 3 h 5 m", or ""
// before a speed is known.
func (v *sweepView) left() string {
	var done, todo float64
	for _, r := range v.rows {
		for _, x := range r.runs {
			if x.status.State.Over() && x.steps == x.status.Steps || x.err != nil {
				continue
			}
			at, all := x.status.Steps, r.allSteps
			if x.live != nil {
				at = max(at, x.live.Step)
			}
			if x.status.State.Over() {
				all = at
			}
			done += r.work * float64(at-x.steps)
			todo += r.work * float64(all-at)
		}
	}
	seconds := v.now().Sub(v.began).Seconds()
	if done == 0 || seconds < 1 {
		return "ETA unknown"
	}
	return "ETA " + report.Duration(todo/done*seconds)
}

// lines are the page: a heading, the table, and the remaining time.
func (v *sweepView) lines(width int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.table()
	out := []string{cut(v.title, width), ""}
	for _, l := range t.Lines() {
		out = append(out, cut(l, width))
	}
	over, all := 0, 0
	for _, r := range v.rows {
		all += len(r.runs)
		for _, x := range r.runs {
			if x.status.State.Over() {
				over++
			}
		}
	}
	if v.ending {
		out = append(out, "", cut("stopping after a checkpoint of every run; Ctrl-C again stops now", width))
	}
	return append(out, "", cut(fmt.Sprintf("%d of %s over, %s, %s", over, report.Plural(all, "run"), v.left(), v.dir), width))
}

// runJSON is a run as "shake sweep --json" prints it. Errors are null where there are none.
type runJSON struct {
	Row        string   `json:"row"`
	Model      string   `json:"model"`
	Label      string   `json:"label"`
	Seed       uint64   `json:"seed"`
	Dir        string   `json:"dir"`
	State      string   `json:"state"`
	Epochs     int      `json:"epochs"`
	Steps      int      `json:"steps"`
	TrainError *float64 `json:"train_error"`
	TestError  *float64 `json:"test_error"`
	Seconds    float64  `json:"seconds"`
	Failed     string   `json:"failed,omitempty"`
}

func runsJSON(runs []experiment.Run, results []experiment.Result) []runJSON {
	out := []runJSON{}
	for i, r := range runs {
		s := results[i].Status
		j := runJSON{
			Row: r.Row.Name, Model: r.Row.Model, Label: r.Row.Spec.Shake.Label(), Seed: r.Seed, Dir: r.Dir, State: string(s.State),
			Epochs: s.Epochs, Steps: s.Steps, TrainError: finite(s.TrainError), TestError: finite(s.TestError), Seconds: s.Seconds,
		}
		if results[i].Err != nil {
			j.Failed = results[i].Err.Error()
		}
		out = append(out, j)
	}
	return out
}

// finite is x, or nil if it is not a finite number.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
