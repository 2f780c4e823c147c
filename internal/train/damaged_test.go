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
				after := result(t, dir)
				delete(after, MetricsFile)
				same(t, map[string][]byte{WeightsFile: after[WeightsFile]}, map[string][]byte{WeightsFile: want[WeightsFile]})
			})
		}
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
