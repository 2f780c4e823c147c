package gpu_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn/cuda"
	"shake/internal/engine"
	"shake/internal/engine/enginetest"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// Launches that overlap change no bit of a training or of an evaluation, launched one by one or as
// a graph. The emulated card fails a kernel that does not wait, or reads before its wait memory
// that the launch in front writes.
func TestOverlapBits(t *testing.T) {
	require(t)
	for _, c := range []struct {
		family, precision string
		eager             bool
	}{
		{"26", "bf16", false}, {"26", "fp16", true}, {"resnext", "fp32", false},
	} {
		t.Run(c.family+"/"+c.precision, func(t *testing.T) {
			if c.precision != "bf16" || c.family != "26" {
				exhaustive.Only(t)
			}
			s := graphtest.Small(c.family, 16, 1)
			want := program(t, gpu.Backend{Precision: c.precision, Programmatic: gpu.Never}, s)
			have := program(t, gpu.Backend{Precision: c.precision, Programmatic: gpu.Always, Eager: c.eager}, s)
			taken, launches, err := gpu.Overlapping(have)
			if err != nil || !taken || launches < 10 {
				t.Fatalf("%v, %d launches overlap, %v", taken, launches, err)
			}
			if taken, launches, err := gpu.Overlapping(want); err != nil || taken || launches > 0 {
				t.Errorf("without being asked for: %v, %d launches overlap, %v", taken, launches, err)
			}
			train(t, have, 0.05, 0, 5)
			train(t, want, 0.05, 0, 5)
			if name := differs(state(t, have), state(t, want)); name != "" {
				t.Errorf("%s differs", name)
			}
			a, err := have.Eval(0, 2*batch)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := want.Eval(0, 2*batch); err != nil || a != b {
				t.Errorf("evaluation %+v, want %+v, %v", a, b, err)
			}
			t.Logf("%d launches overlap", launches)
		})
	}
}

// The times of a step both ways decide, and are kept; the next program follows them.
func TestOverlapChoice(t *testing.T) {
	require(t)
	emu.Only(t)
	exhaustive.Only(t)
	cache := freshPlans(t)
	gpu.TimeOnce(t)
	s := graphtest.Small("26", 16, 2)
	trained := func(p engine.Program) []engine.Tensor {
		t.Helper()
		im := enginetest.Noise(2*batch, 10)
		if err := p.Load(im, im); err != nil {
			t.Fatal(err)
		}
		train(t, p, 0.05, 0, 3)
		return state(t, p)
	}
	measured := trained(first(compileTuned(t, s, true)))
	if name := differs(trained(first(compileTuned(t, s, true))), measured); name != "" {
		t.Errorf("%s differs between the program that measured and the next one", name)
	}
	files, _ := filepath.Glob(filepath.Join(cache, "shake", "choices", "*.json"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), `"Step": {`)
	if at < 0 {
		t.Fatalf("no times of the step in %s", text)
	}
	for _, c := range []struct {
		step  string
		taken bool
		says  string
	}{
		{`{"Ordinary": 2000000, "Programmatic": 1900000}`, true, "a step takes 1900 us on this card in place of 2000"},
		{`{"Ordinary": 2000000, "Programmatic": 2000000}`, false, ""},
		{`{"Ordinary": 2000000, "Programmatic": 0}`, false, ""}, // refused by the driver
		{`{"Ordinary": 0, "Programmatic": 5}`, false, "the times of the step are missing: measured again"},
	} {
		if err := os.WriteFile(files[0], []byte(string(text)[:at]+`"Step": `+c.step+"}"), 0o600); err != nil {
			t.Fatal(err)
		}
		p, said := compileTuned(t, s, true)
		taken, launches, err := gpu.Overlapping(p)
		if err != nil || !strings.Contains(said, c.says) {
			t.Errorf("%s: said %q, %v", c.step, said, err)
		}
		if strings.Contains(c.says, "again") {
			continue // the emulator's times decide
		}
		if taken != c.taken || taken != (launches > 0) {
			t.Errorf("%s: taken %v, %d launches overlap", c.step, taken, launches)
		}
	}
}

// A card or a driver that cannot is not asked, unless a program insists.
func TestOverlapUnable(t *testing.T) {
	require(t)
	s := graphtest.Small("26", 16, 1)
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, settings := range []string{"cc=8.9", "driver=12020"} {
		emu.With(t, settings+"; log=none")
		c := engine.Config{Seed: 3, Batch: batch, Replicas: 2, Momentum: 0.9, Deterministic: true}
		_, err := gpu.Backend{Precision: "bf16", Programmatic: gpu.Always}.Compile(g, c)
		if !errors.Is(err, cuda.ErrNotSupported) || !strings.Contains(err.Error(), "launches that overlap") {
			t.Errorf("%s: %v", settings, err)
		}
		if settings != "cc=8.9" {
			continue // a cuDNN for CUDA 13 needs a driver for it
		}
		p, err := gpu.Backend{Precision: "bf16"}.Compile(g, c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if taken, launches, err := gpu.Overlapping(p); err != nil || taken || launches > 0 {
			t.Errorf("%s: %v, %d launches overlap, %v", settings, taken, launches, err)
		}
	}
}
