package gpu_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/cudnn/cuda"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// With cuDNN's statistics and norms in place of ours, wherever it has them, a training is the same
// but for rounding: parameters, running statistics, and the evaluation, which always runs on our
// kernels. The nets are as small as those of TestPrecisions, so that no rounding flips a ReLU.
func TestRivalsCompute(t *testing.T) {
	require(t)
	for _, c := range []struct {
		kind, family, precision string
		limit                   float64
	}{
		{gpu.ConvStats, "26", "bf16", 3e-3},
		{gpu.ConvStats, "resnext", "bf16", 3e-3},
		{gpu.BatchNorm, "26", "fp32", 1e-5},
		{gpu.BatchNorm, "resnext", "bf16", 3e-3},
		// Branches apart leave the 26 nets no backward pass of a single batch norm.
		{gpu.BatchNormBackward, "resnext", "fp32", 1e-5},
		{gpu.BatchNormBackward, "resnext", "bf16", 3e-3},
		{gpu.CooperativeBackward, "26", "fp32", 1e-5},
		{gpu.CooperativeBackward, "26", "fp16", 1e-3},
		{gpu.CooperativeBackward, "resnext", "bf16", 3e-3},
		{gpu.OwnConv, "26", "bf16", 3e-3},
		{gpu.OwnConv, "26", "fp16", 1e-3},
		{gpu.OwnConv, "resnext", "bf16", 3e-3},
	} {
		t.Run(c.kind+"/"+c.family+"/"+c.precision, func(t *testing.T) {
			if c.family != "26" || c.kind == gpu.OwnConv || c.precision == "fp16" {
				exhaustive.Only(t)
			}
			s := graphtest.Small(c.family, 16, 1)
			have := programWith(t, gpu.Backend{Precision: c.precision, Rivals: []string{c.kind}}, s, c.kind != gpu.ConvStats)
			taken, all := gpu.Taken(have)
			if len(taken) != 1 || taken[c.kind] == 0 || taken[c.kind] != all[c.kind] {
				t.Fatalf("taken are %v of %v", taken, all)
			}
			want := program(t, cpu.Backend{}, s)
			start, n := state(t, want), params(t, s)
			train(t, have, 0.005, 0, 10)
			train(t, want, 0.005, 0, 10)
			h, w := state(t, have), state(t, want)
			d, moved := distance(h, w, n), distance(w, start, n)
			run := distance(h[2*n:], w[2*n:], len(w)-2*n)
			t.Logf("%d rivals: %.2g apart after moving %.2g; running statistics %.2g", taken[c.kind], d, moved, run)
			if !(d <= c.limit) || moved < 2*c.limit || !(run <= 3*c.limit) {
				t.Errorf("after ten steps %.2g apart, want %.2g at most, and less than half of the way, %.2g; running statistics %.2g apart", d, c.limit, moved, run)
			}
			a, err := have.Eval(0, 2*batch)
			b, _ := want.Eval(0, 2*batch)
			if err != nil || a.Images != b.Images || !(a.Loss < b.Loss*(1+20*c.limit) && a.Loss > b.Loss*(1-20*c.limit)) {
				t.Errorf("evaluation %+v, want %+v, %v", a, b, err)
			}
		})
	}
}

// freshPlans gives the test a cache without plans and choices, beside the compiled kernels of all
// tests, and returns its folder.
func freshPlans(t *testing.T) string {
	kernels, cache := cuda.DefaultKernelCache().Dir, t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv(cuda.KernelCacheVariable, kernels)
	return cache
}

// compileTuned makes a program that measures, and returns its reports.
func compileTuned(t *testing.T, s *dsl.Spec, deterministic bool) (engine.Program, string) {
	t.Helper()
	g, err := graph.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	p, err := gpu.Backend{Precision: "fp32", Tune: true, Report: func(line string) { said = append(said, line) }}.Compile(g,
		engine.Config{Seed: 3, Batch: batch, Replicas: 2, Momentum: 0.9, Deterministic: deterministic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, strings.Join(said, "\n")
}

// The choices measured on a card are kept, and the next program follows them. A damaged file is
// reported and made again. A deterministic run never takes sums beside convolutions.
func TestChoices(t *testing.T) {
	require(t)
	emu.Only(t)
	exhaustive.Only(t)
	gpu.TimeOnce(t)
	cache := freshPlans(t)
	s := graphtest.Small("26", 16, 2)
	files := func() []string {
		fs, err := filepath.Glob(filepath.Join(cache, "shake", "choices", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return fs
	}

	if taken, _ := gpu.Taken(first(compileTuned(t, s, true))); taken[gpu.ConvStats] > 0 || len(files()) != 1 {
		t.Errorf("a deterministic run takes %v and leaves %v", taken, files())
	}
	os.Remove(files()[0])

	p, _ := compileTuned(t, s, false)
	taken, all := gpu.Taken(p)
	if len(files()) != 1 || len(all) != 3 {
		t.Fatalf("rivals %v, files %v", all, files())
	}
	file := files()[0]
	var c struct {
		Card, CuDNN, Network string
		Batch                int
		Taken                []map[string]any
		Step                 json.RawMessage // kept as it is
	}
	read := func() {
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read()
	n := 0
	for _, k := range taken {
		n += k
	}
	if c.Card == "" || c.CuDNN == "" || c.Network != s.Name || c.Batch != batch || len(c.Taken) != n {
		t.Errorf("%+v, with %d taken", c, n)
	}

	// A choice from elsewhere: the last batch norm alone. The program follows it without measuring.
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	at := gpu.LastAt(p, gpu.BatchNorm)
	c.Taken = []map[string]any{{"At": at, "Launches": 2, "Kind": gpu.BatchNorm, "Took": 1, "Beside": 2}}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	write(string(text))
	q, said := compileTuned(t, s, false)
	if taken, _ := gpu.Taken(q); len(taken) != 1 || taken[gpu.BatchNorm] != 1 || !strings.Contains(said, "in 1 places") {
		t.Errorf("taken are %v; said %q", taken, said)
	}

	for name, damaged := range map[string]string{
		"no JSON":       `{"Card": "`,
		"empty":         `{}`,
		"other network": `{"Card": "x", "Taken": [{"At": 1000, "Launches": 2, "Kind": "batch norm"}]}`,
	} {
		write(damaged)
		_, said := compileTuned(t, s, false)
		if !strings.Contains(said, file) || !strings.Contains(said, "measured again") {
			t.Errorf("%s: said %q", name, said)
		}
		read()
		if c.Network != s.Name {
			t.Errorf("%s: the file was not made again: %+v", name, c)
		}
	}
}

func first(p engine.Program, _ string) engine.Program { return p }
