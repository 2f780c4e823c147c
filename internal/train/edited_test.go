package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/dsl"
)

// parse reads a resolved network.
func parse(t *testing.T, text []byte) *dsl.Spec {
	t.Helper()
	s, err := (&dsl.Loader{}).Parse(ConfigFile, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// made gives the images that a run's network asks for, as the built-in set does.
func made(o Options) Options {
	d := o.Spec.Data
	o.Train = images(d.TrainImages-d.Validation, o.Spec.Seed)
	o.Test = images(d.TestImages, o.Spec.Seed+1)
	o.Train.Mean, o.Test.Mean, o.Train.Std, o.Test.Std = d.Mean[:], d.Mean[:], d.Std[:], d.Std[:]
	return o
}

// TestEditedConfig edits config.toml between a run and its resume. A change of the experiment is
// refused with its key; a change of a free key is accepted.
func TestEditedConfig(t *testing.T) {
	for _, edit := range []struct{ old, new, key string }{
		{"lr = 0.1", "lr = 0.2", "train.lr: 0.1, now 0.2"},
		{"epochs = 4", "epochs = 8", "train.epochs: 4, now 8"},
		{"seed = 7", "seed = 8", "seed: 7, now 8"},
		{`name = "toy"`, `name = "other"`, "name: toy, now other"},
		{"batch = 8", "batch = 4", "train.batch: 8, now 4"},
		{"batch = 8", "batch = 16", "train.batch: 8, now 16"},
		{"replicas = 2", "replicas = 1", "train.replicas: 2, now 1"},
		{"seed = 7", "seed = 9", "seed: 7, now 9"},
		{"train_images = 29", "train_images = 28", "data.train_images: 29, now 28"},
		{"test_images = 11", "test_images = 10", "data.test_images: 11, now 10"},
		{"validation = 0", "validation = 5", "data.validation: 0, now 5"},
		{"mean = [127.5,", "mean = [100.5,", "data.mean: "},
		{"std = [64,", "std = [60,", "data.std: "},
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
			mustRun(t, made(options(t, dir, "train.max_steps=6", "data.train_images=29", "data.test_images=11")))
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
			o = made(o)
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
