package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"shake/dsl"
	"shake/internal/experiment"
	"shake/internal/report"
)

// dryRow is a row of "shake sweep --dry-run".
type dryRow struct {
	Row     string   `json:"row"`
	Model   string   `json:"model"`
	Label   string   `json:"label"`
	Seeds   []uint64 `json:"seeds"`
	Over    int      `json:"over"` // runs that are finished or diverged
	Epochs  int      `json:"epochs"`
	Images  int64    `json:"images"`            // left to train, over all seeds
	Speed   float64  `json:"images_per_second"` // measured here
	Seconds float64  `json:"seconds"`           // Images at Speed, without evaluation
}

// dryRun prints the runs of a sweep without training them. The speed of each network is measured by
// a few steps on made-up images.
func (a *app) dryRun(f sweepFlags, runs []experiment.Run) error {
	ctx := interruptible(func() {})
	defer ctx.stop()
	var rows []dryRow
	var measured []speed
	for _, r := range runs {
		n := len(rows)
		if n == 0 || rows[n-1].Row != r.Row.Name {
			rows = append(rows, dryRow{Row: r.Row.Name, Model: r.Row.Model, Label: r.Row.Spec.Shake.Label(), Epochs: r.Row.Spec.Train.Epochs})
			n++
		}
		row := &rows[n-1]
		row.Seeds = append(row.Seeds, r.Seed)
		status := experiment.Look(r)
		if status.State.Over() {
			row.Over++
			continue
		}
		row.Images += int64(experiment.Steps(r.Row.Spec)-status.Steps) * int64(r.Row.Spec.Train.Batch)
	}
	for i := range rows {
		if rows[i].Images == 0 {
			continue
		}
		for _, r := range runs {
			if r.Row.Name != rows[i].Row {
				continue
			}
			var err error
			if rows[i].Speed, err = a.speedOf(ctx, &measured, f, r.Row); ctx.Err() != nil {
				return exit(exitInterrupted, errors.New("sweep: interrupted"))
			} else if err != nil {
				return fmt.Errorf("measuring the speed of %s: %w", r.Row.Name, err)
			}
			break
		}
		if rows[i].Speed > 0 {
			rows[i].Seconds = float64(rows[i].Images) / rows[i].Speed
		}
	}
	if f.asJSON {
		return a.printJSON(rows)
	}
	return a.printDry(f, rows)
}

func (a *app) printDry(f sweepFlags, rows []dryRow) error {
	t := report.Table{Columns: []report.Column{{Title: "row"}, {Title: "model"}, {Title: "draws"}, right("runs"), right("over"), right("epochs"), right("images left"), right("img/s"), right("time")}}
	var seconds float64
	var images int64
	count, over := 0, 0
	for _, r := range rows {
		speed, took := any(nil), any(nil)
		if r.Speed > 0 {
			speed, took = fmt.Sprintf("%.1f", r.Speed), report.Duration(r.Seconds)
		}
		t.Rows = append(t.Rows, []any{r.Row, r.Model, r.Label, len(r.Seeds), r.Over, r.Epochs, report.Count(r.Images), speed, took})
		seconds, images, count, over = seconds+r.Seconds, images+r.Images, count+len(r.Seeds), over+r.Over
	}
	t.Rows = append(t.Rows, []any{"total", "", "", count, over, "", report.Count(images), "", report.Duration(seconds)})
	if err := t.Text(a.out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\nThe time is that of one run after the other, without evaluation, at the speed of %s here.\n", report.Plural(dryLong, "step"))
	return err
}

// speed is a network's measured speed.
type speed struct {
	net    dsl.Net
	batch  int
	images float64 // a second
}

// dryShort and dryLong are the steps of the two measured runs. The difference of their times is
// free of the cost of a start.
const (
	dryShort = 1
	dryLong  = 3
)

// speedOf measures the row's network, unless it is measured already.
func (a *app) speedOf(ctx context.Context, measured *[]speed, f sweepFlags, row *dsl.Row) (float64, error) {
	for _, m := range *measured {
		if m.batch == row.Spec.Train.Batch && reflect.DeepEqual(m.net, row.Spec.Net) {
			return m.images, nil
		}
	}
	fmt.Fprintf(a.err, "measuring %s\n", row.Model)
	dir, err := os.MkdirTemp("", "shake-speed-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	file := filepath.Join(dir, experiment.NetFile)
	spec := *row.Spec
	spec.Data.Set, spec.Data.TrainImages, spec.Data.TestImages = "synthetic", (dryShort+dryLong)*spec.Train.Batch, 1
	spec.Data.Validation, spec.Data.Split = 0, "last"
	if err := os.WriteFile(file, spec.TOML(), 0o600); err != nil {
		return 0, err
	}
	out := filepath.Join(dir, "run")
	images := 0.0
	for _, c := range []struct {
		steps int
		net   []string
	}{{dryShort, []string{file, "--out", out}}, {dryShort + dryLong, []string{"--resume", out}}} {
		args := append([]string{"run"}, c.net...)
		args = append(args, "-o", fmt.Sprintf("train.max_steps=%d", c.steps), "--device", f.device, "--json")
		if err := experiment.Child(ctx, program, args, nil, nil, func(line []byte) {
			var end struct {
				Event  string
				Images float64 `json:"images_per_second"`
			}
			if json.Unmarshal(line, &end) == nil && end.Event == "end" {
				images = end.Images
			}
		}); err != nil {
			return 0, err
		}
	}
	if images <= 0 {
		return 0, errors.New("no speed in what the run said: " + strings.Join(row.Overrides, " "))
	}
	*measured = append(*measured, speed{row.Spec.Net, row.Spec.Train.Batch, images})
	return images, nil
}
