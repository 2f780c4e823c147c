package main

import (
	"errors"
	"fmt"

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
	guessed := false // the number of a row's images
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
		guessed = guessed || r.Row.Spec.Data.Set == "images" && r.Row.Spec.Data.TrainImages == 0
		left := experiment.Trained(r.Row.Spec, experiment.Steps(r.Row.Spec)) - experiment.Trained(r.Row.Spec, status.Steps)
		row.Images += max(0, left) // more steps than a guess of own images allows
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
	return a.printDry(rows, guessed)
}

func (a *app) printDry(rows []dryRow, guessed bool) error {
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
	if guessed {
		fmt.Fprintf(a.out, "\nRows of your own images are counted as if these were %s, unless data.train_images says how many.\n", report.Count(experiment.SetImages))
	}
	_, err := fmt.Fprintf(a.out, "\nThe time is that of one run after the other, without evaluation, at the speed of %s here.\n", report.Plural(dryLong, "step"))
	return err
}
