package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedRecord resumes runs whose run.json is missing, damaged or false: the checkpoint is
// enough.
func TestDamagedRecord(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	for name, damage := range map[string]func(b string) string{
		"gone":       nil,
		"empty":      func(string) string { return "" },
		"{}":         func(string) string { return "{}" },
		"null":       func(string) string { return "null" },
		"cut":        func(b string) string { return b[:len(b)/2] },
		"status":     func(b string) string { return strings.Replace(b, `"finished"`, `"paused"`, 1) },
		"steps":      func(b string) string { return strings.Replace(b, `"steps": 11`, `"steps": -11`, 1) },
		"many steps": func(b string) string { return strings.Replace(b, `"steps": 11`, `"steps": 1000000000`, 1) },
		"diverged":   func(b string) string { return strings.Replace(b, `"finished"`, `"diverged"`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			mustRun(t, options(t, dir, "train.max_steps=11"))
			file := filepath.Join(dir, RecordFile)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if damage == nil {
				err = os.Remove(file)
			} else {
				after := damage(string(b))
				if after == string(b) {
					t.Fatalf("nothing damaged in %s", b)
				}
				err = os.WriteFile(file, []byte(after), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			var l listener
			o := options(t, dir)
			o.Resume, o.Observer = true, &l
			mustRun(t, o)
			if name != "many steps" && !l.noticed("it is made anew from the checkpoint") {
				t.Errorf("notices %q", l.notices)
			}
			same(t, result(t, dir), result(t, whole))
			if rec, err := ReadRecord(dir); err != nil || rec.Status != Finished || rec.Device != "toy" || rec.Parameters != 470 {
				t.Errorf("record %+v, %v", rec, err)
			}

			// Other images are refused all the same.
			dir2 := tempDir(t)
			mustRun(t, options(t, dir2, "train.max_steps=11"))
			os.Remove(filepath.Join(dir2, RecordFile))
			o = options(t, dir2)
			o.Resume, o.Train = true, images(29, 99)
			var mismatch *Mismatch
			if _, err := Run(context.Background(), o); !errors.As(err, &mismatch) {
				t.Errorf("other images: %v", err)
			}
		})
	}
}

// TestDamagedJournals cuts and flips the part of metrics.jsonl and of the TensorBoard file that the
// checkpoint covers. The run reports it and goes on, at the end of a whole line or record.
func TestDamagedJournals(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole, "train.log_steps=1"))
	want := result(t, whole)
	for _, kind := range []string{MetricsFile, "events"} {
		for name, damage := range map[string]func(b []byte) []byte{
			"cut within a line": func(b []byte) []byte { return b[:len(b)-30] },
			"cut to nothing":    func([]byte) []byte { return nil },
			"flipped":           func(b []byte) []byte { b[200] ^= 1; return b },
			"a line":            func(b []byte) []byte { copy(b, "!!!!!!!!"); return b },
			"flipped line end":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
			"zeros at the end":  func(b []byte) []byte { return append(b[:len(b)-100], make([]byte, 100)...) },
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				dir := tempDir(t)
				// Two epochs without a line behind the checkpoint, so that the checkpoint covers
				// the whole file.
				mustRun(t, options(t, dir, "train.log_steps=1", "train.max_steps=8"))
				file := filepath.Join(dir, MetricsFile)
				if kind == "events" {
					file = eventFiles(t, dir)[0]
				}
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, damage(b), 0o666); err != nil {
					t.Fatal(err)
				}
				var l listener
				o := options(t, dir, "train.log_steps=1")
				o.Resume, o.Observer = true, &l
				mustRun(t, o)
				if len(l.notices) != 1 || !strings.Contains(l.notices[0], filepath.Base(file)) {
					t.Errorf("notices %q", l.notices)
				}
				if b, err = os.ReadFile(file); err != nil {
					t.Fatal(err)
				}
				if kind == "events" {
					readEvents(t, b) // fails on an incomplete record
				} else {
					have := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
					full := strings.Split(strings.TrimSuffix(string(want[MetricsFile]), "\n"), "\n")
					for i := 1; i <= 10; i++ { // the lines of the epochs after the resume are whole and the same
						if have[len(have)-i] != full[len(full)-i] {
							t.Errorf("line %d from the end: %s, want %s", i, have[len(have)-i], full[len(full)-i])
						}
					}
				}
				// After the report the damage is the state of the file.
				l = listener{}
				o = options(t, dir, "train.log_steps=1")
				o.Resume, o.Observer = true, &l
				mustRun(t, o)
				if !l.noticed("complete") || len(l.notices) != 1 {
					t.Errorf("again: notices %q", l.notices)
				}
				if _, err := readEpochs(dir); err != nil {
					t.Error(err)
				}
				after := result(t, dir)
				delete(after, MetricsFile)
				same(t, map[string][]byte{WeightsFile: after[WeightsFile]}, map[string][]byte{WeightsFile: want[WeightsFile]})
			})
		}
	}
}

// TestDamagedMetrics: no figure comes out of a damaged metrics.jsonl, but for a last line that a
// kill cut. A resume makes it readable again, without the damaged lines.
func TestDamagedMetrics(t *testing.T) {
	finished, stopped := tempDir(t), tempDir(t)
	mustRun(t, options(t, finished))
	mustRun(t, options(t, stopped, "train.max_steps=11"))
	cut := func(b string, lines int) string {
		return strings.Join(strings.SplitAfter(b, "\n")[:lines], "")
	}
	for name, c := range map[string]struct {
		run    string
		damage func(b string) string // nil: the file is removed
		want   string                // "": no damage
	}{
		"whole":                {finished, func(b string) string { return b }, ""},
		"gone":                 {finished, nil, "lines of 0 epochs"},
		"empty":                {finished, func(b string) string { return "" }, "lines of 0 epochs"},
		"a line less":          {finished, func(b string) string { return cut(b, 3) }, "lines of 3 epochs, and run.json has 4"},
		"a line in the middle": {finished, func(b string) string { return strings.Replace(b, cut(b, 1), "", 1) }, "lines of 3 epochs"},
		"last line torn":       {finished, func(b string) string { return b[:len(b)-5] }, "lines of 3 epochs"},
		"last line":            {finished, func(b string) string { return cut(b, 3) + "!" + strings.TrimPrefix(b, cut(b, 3))[1:] }, "line 4 cannot be read"},
		"first line":           {finished, func(b string) string { return "!" + b[1:] }, "line 1 cannot be read"},
		"its event": {finished, func(b string) string {
			return cut(b, 3) + strings.Replace(strings.TrimPrefix(b, cut(b, 3)), "epoch", "epocg", 1)
		}, "lines of 3 epochs"},
		"its epoch": {finished, func(b string) string { return strings.Replace(b, `"epoch":4`, `"epoch":5`, 1) }, "lines of 3 epochs"},
		"its error": {finished, func(b string) string {
			i := strings.LastIndex(b, `"test_error":`) + len(`"test_error":`)
			return b[:i] + string(b[i]^1) + b[i+1:]
		}, "the last epoch has test_error"},
		"stopped":        {stopped, func(b string) string { return b }, ""},
		"a line ahead":   {stopped, func(b string) string { return b + "{" }, ""},
		"stopped, a cut": {stopped, func(b string) string { return cut(b, 1) }, "lines of 1 epoch, and run.json has 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			if err := os.CopyFS(dir, os.DirFS(c.run)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, MetricsFile)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if c.damage == nil {
				err = os.Remove(file)
			} else {
				err = os.WriteFile(file, []byte(c.damage(string(b))), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			check := func(when string, err error) {
				var bad *Corrupt
				if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &bad) || bad.File != file || !strings.Contains(bad.Detail, c.want)) {
					t.Errorf("%s: %v, want %q", when, err, c.want)
				}
			}
			_, err = readEpochs(dir)
			check("read", err)
			o := options(t, dir)
			o.Resume = true
			if c.run == finished { // there is nothing to do
				_, err = Run(context.Background(), o)
				check("resumed", err)
				return
			}
			mustRun(t, o)
			epochs, err := readEpochs(dir)
			rec, _ := ReadRecord(dir)
			if err != nil || len(epochs)+rec.Lost != 4 || epochs[len(epochs)-1].Epoch != 4 || (rec.Lost > 0) != (c.want != "") {
				t.Errorf("after the resume: %d epochs and %d lost, %v", len(epochs), rec.Lost, err)
			}
		})
	}
}

// TestEveryCheckpointIsSound reads back, with all checks, the checkpoint of every step of a run.
func TestEveryCheckpointIsSound(t *testing.T) {
	for _, n := range []string{"0", "1", "3"} {
		dir := tempDir(t)
		o := options(t, dir, "train.checkpoint_steps=1", "train.log_steps="+n)
		count := 0
		o.Observer = &listener{onSaved: func(s Saved) {
			count++
			c := checkpoints{dir: filepath.Join(dir, StateDir), of: length{4, 4, 8, 29}}
			if _, err := c.read(s.Path); err != nil {
				t.Errorf("step %d: %v", s.Step, err)
			}
		}}
		mustRun(t, o)
		if count != 17 {
			t.Errorf("%d checkpoints", count)
		}
	}
}
