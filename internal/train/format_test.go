package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"shake/dsl"
)

// TestFormat1 resumes a run of the version before format 2 (testdata/format1, stopped within its
// third epoch). Its bits are those with which that version ended a run that was never stopped.
func TestFormat1(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the toy backend's arithmetic is Go's, which fuses products and sums on other processors")
	}
	dir := tempDir(t)
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir, "train.log_steps=1")
	var l listener
	o.Resume, o.Observer = true, &l
	mustRun(t, o)
	if len(l.notices) > 0 || l.started[0].Step != 10 {
		t.Errorf("started %+v, notices %q", l.started, l.notices)
	}
	for file, want := range map[string]string{
		MetricsFile: "be922b6071f1445f6c1c1fbcb21d45b8361c0c9c9e6fc2a466b57ca99bd9598d",
		WeightsFile: "05bfe69236c896ba2ec7c41a133cdaff0937907b3936872c5174424fbe617154",
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is another than that version's", file)
		}
	}
	whole := tempDir(t)
	mustRun(t, options(t, whole, "train.log_steps=1"))
	same(t, result(t, dir), result(t, whole))
}

// rewrite changes the metadata of a checkpoint and gives it the right checksum again.
func rewrite(t *testing.T, path string, change func(meta map[string]string)) {
	t.Helper()
	ts, meta, err := readTensors(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	delete(meta, checksumKey)
	change(meta)
	if err := (store{}).write(path, func(w io.Writer) error { return encodeTensors(w, ts, meta) }); err != nil {
		t.Fatal(err)
	}
}

// TestLaterFormat refuses a checkpoint of a later version, names the format, and changes no file.
func TestLaterFormat(t *testing.T) {
	dir := tempDir(t)
	mustRun(t, options(t, dir, "train.max_steps=11"))
	rewrite(t, generations(t, dir)[0], func(meta map[string]string) { meta[formatKey] = strconv.Itoa(format + 1) })
	before := result(t, dir)
	o := options(t, dir)
	o.Resume = true
	_, err := Run(context.Background(), o)
	var later *Later
	if !errors.As(err, &later) || later.Format != format+1 || !strings.Contains(err.Error(), "step-0000000011.safetensors") || !strings.Contains(err.Error(), "later version") {
		t.Errorf("have %v", err)
	}
	same(t, result(t, dir), before)
}

// TestLyingCounters gives the newest checkpoint impossible counters, with a correct checksum. The
// checkpoint counts as damaged, and the run resumes from the one before.
func TestLyingCounters(t *testing.T) {
	whole := tempDir(t)
	mustRun(t, options(t, whole))
	want := result(t, whole)
	counter := func(old, new string) func(map[string]string) {
		return func(meta map[string]string) {
			if !strings.Contains(meta[countersKey], old) {
				t.Errorf("no %s in %s", old, meta[countersKey])
			}
			meta[countersKey] = strings.Replace(meta[countersKey], old, new, 1)
		}
	}
	for name, change := range map[string]func(meta map[string]string){
		"nothing":           func(meta map[string]string) { meta[countersKey] = "{}" },
		"null":              func(meta map[string]string) { meta[countersKey] = "null" },
		"no JSON":           func(meta map[string]string) { meta[countersKey] = "step 11" },
		"absent":            func(meta map[string]string) { delete(meta, countersKey) },
		"format":            func(meta map[string]string) { meta[formatKey] = "two" },
		"format 0":          func(meta map[string]string) { meta[formatKey] = "0" },
		"no experiment":     func(meta map[string]string) { delete(meta, experimentKey) },
		"experiment":        func(meta map[string]string) { meta[experimentKey] = "{}" },
		"negative step":     counter(`"step":11`, `"step":-11`),
		"other step":        counter(`"step":11`, `"step":10`),
		"large step":        counter(`"step":11`, `"step":1000000000`),
		"fractional step":   counter(`"step":11`, `"step":11.5`),
		"step as text":      counter(`"step":11`, `"step":"11"`),
		"no epochs":         counter(`"epochs":2,`, ``),
		"negative epochs":   counter(`"epochs":2`, `"epochs":-2`),
		"other epochs":      counter(`"epochs":2`, `"epochs":1`),
		"many epochs":       counter(`"epochs":2`, `"epochs":1000000000`),
		"no images":         counter(`"images":24`, `"images":0`),
		"other images":      counter(`"images":24`, `"images":25`),
		"errors":            counter(`"errors":`, `"errors":9`),
		"negative errors":   counter(`"errors":`, `"errors":-1`),
		"negative loss":     counter(`"loss":`, `"loss":-`),
		"window":            counter(`"window":{"images":0`, `"window":{"images":-1`),
		"metrics":           counter(`"metrics_bytes":`, `"metrics_bytes":-`),
		"events":            counter(`"events_bytes":`, `"events_bytes":-`),
		"overflowing bytes": counter(`"events_bytes":`, `"events_bytes":99999999999999999999`),
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			mustRun(t, options(t, dir, "train.max_steps=11"))
			rewrite(t, generations(t, dir)[0], change)
			var l listener
			o := options(t, dir)
			o.Resume, o.Observer = true, &l
			mustRun(t, o)
			if !l.noticed("step-0000000011.safetensors is damaged") || l.started[0].Step != 8 {
				t.Errorf("start %+v, notices %q", l.started, l.notices)
			}
			same(t, result(t, dir), want)
		})
	}

	// The name is a counter too.
	dir := tempDir(t)
	mustRun(t, options(t, dir, "train.max_steps=11"))
	newest := generations(t, dir)[0]
	if err := os.Rename(newest, strings.Replace(newest, "0000000011", "0000000012", 1)); err != nil {
		t.Fatal(err)
	}
	var l listener
	o := options(t, dir)
	o.Resume, o.Observer = true, &l
	mustRun(t, o)
	if !l.noticed("step is 11 in a file of step 12") {
		t.Errorf("notices %q", l.notices)
	}
	same(t, result(t, dir), want)
}

// parse reads a resolved network.
func parse(t *testing.T, text []byte) *dsl.Spec {
	t.Helper()
	s, err := (&dsl.Loader{}).Parse(ConfigFile, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEditedConfig edits config.toml between a run and its resume. A change of the experiment is
// refused with its key; a change of a free key is accepted.
func TestEditedConfig(t *testing.T) {
	for _, edit := range []struct{ old, new, key string }{
		{"lr = 0.1", "lr = 0.2", "train.lr: 0.1, now 0.2"},
		{"epochs = 4", "epochs = 8", "train.epochs: 4, now 8"},
		{"seed = 7", "seed = 8", "seed: 7, now 8"},
		{`forward = "shake"`, `forward = "even"`, "shake.forward: shake, now even"},
		{"momentum = 0.9", "momentum = 0.8", "train.momentum"},
		{"weight_decay = 0.0001", "weight_decay = 0.001", "train.weight_decay"},
		{"nesterov = true", "nesterov = false", "train.nesterov"},
		{"flip = true", "flip = false", "data.flip"},
		{"crop = 4", "crop = 2", "data.crop"},
		{"shuffle = true", "shuffle = false", "data.shuffle"},
		{"augment = true", "augment = false", "data.augment"},
		{`schedule = "cosine"`, `schedule = "constant"`, "train.schedule"},
		{"warmup = []", "warmup = [{ epochs = 1, lr = 0.5 }]", "train.warmup"},
		{"range = [0, 1]", "range = [0.25, 0.75]", "shake.range"},
		{`skip = "two-flow"`, `skip = "conv"`, "net.skip"},
		{"width = 4", "width = 8", "net.stage"},
		{"log_steps = 0", "log_steps = 2", ""},
		{"checkpoint_every = 1", "checkpoint_every = 3", ""},
		{"max_steps = 6", "max_steps = 9", ""},
		{"workers = 0", "workers = 1", ""},
		{`precision = "auto"`, `precision = "fp32"`, ""},
	} {
		t.Run(edit.new, func(t *testing.T) {
			dir := tempDir(t)
			mustRun(t, options(t, dir, "train.max_steps=6"))
			file := filepath.Join(dir, ConfigFile)
			b, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(b), edit.old) {
				t.Fatalf("no %s in %s: %v", edit.old, b, err)
			}
			b = []byte(strings.Replace(string(b), edit.old, edit.new, 1))
			if err := os.WriteFile(file, b, 0o666); err != nil {
				t.Fatal(err)
			}
			o := options(t, dir)
			o.Resume = true
			o.Spec = parse(t, b)
			o.Spec.Train.MaxSteps = 8 // max_steps is a free key
			before := result(t, dir)
			_, err = Run(context.Background(), o)
			if edit.key == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var mismatch *Mismatch
			if !errors.As(err, &mismatch) || !mismatch.Checkpoint || len(mismatch.Keys) != 1 || !strings.HasPrefix(mismatch.Keys[0], edit.key) {
				t.Errorf("have %v", err)
			}
			same(t, result(t, dir), before)
		})
	}
}

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
