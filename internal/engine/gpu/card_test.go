package gpu_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"shake/csrc/emu"
	"shake/internal/engine"
	"shake/internal/engine/enginetest"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// The host never waits within an epoch. A step is one small copy and one launch of a graph, from
// the second step of its size on.
func TestNoWaitInAnEpoch(t *testing.T) {
	require(t)
	emu.Only(t)
	p := program(t, gpu.Backend{Precision: "fp32"}, graphtest.Small("26", 16, 1))
	train(t, p, 0.05, 0, 6) // both sizes are captured
	if _, err := p.Metrics(true); err != nil {
		t.Fatal(err)
	}
	emu.Reset()
	train(t, p, 0.05, 6, 36)
	for what, want := range map[string]int{"sync": 0, "implicit_sync": 0, "launch": 0, "graph_launch": 30, "memcpy": 30, "alloc": 0, "free": 0, "host_alloc": 0, "capture": 0, "instantiate": 0, "module": 0} {
		if have := emu.Count(what); have != want {
			t.Errorf("30 steps: %d times %s, want %d", have, what, want)
		}
	}
	m, err := p.Metrics(true)
	if err != nil || m.Images != 30*batch-10 {
		t.Errorf("%+v, %v", m, err)
	}
	if have := emu.Count("sync"); have > 2 {
		t.Errorf("reading the metrics waited %d times, want 2 at most", have)
	}
}

// A step allocates nothing on the host.
func TestStepAllocates(t *testing.T) {
	require(t)
	emu.Only(t)
	p := program(t, gpu.Backend{Precision: "fp32"}, graphtest.Small("26", 16, 1))
	index := []int32{0, 1, 2, 3, 4, 5}
	it := uint32(0)
	step := func() {
		if err := p.Step(engine.Step{Iteration: it, Index: index, LR: 0.01}); err != nil {
			t.Fatal(err)
		}
		it++
	}
	step()
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("a step makes %v allocations, want none", n)
	}
}

// Close leaves no memory on the card, and a second Close does nothing.
func TestCloseFrees(t *testing.T) {
	require(t)
	emu.Only(t)
	g, err := graph.Build(graphtest.Small("26", 16, 1))
	if err != nil {
		t.Fatal(err)
	}
	use := func() engine.Program {
		p, err := gpu.Backend{Precision: "fp32"}.Compile(g, engine.Config{Batch: batch, Replicas: 2})
		if err != nil {
			t.Fatal(err)
		}
		im := enginetest.Noise(2*batch, g.Classes)
		if err := p.Load(im, im); err != nil {
			t.Fatal(err)
		}
		train(t, p, 0.05, 0, 3)
		if _, err := p.Eval(0, batch); err != nil {
			t.Fatal(err)
		}
		return p
	}
	use().Close() // memory that a process allocates once is allocated now
	bytes, handles := emu.Count("live_bytes"), emu.Count("live_handles")
	p := use()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if p.Step(engine.Step{Index: []int32{0}}) == nil {
		t.Error("a step of a closed program is no error")
	}
	if have := emu.Count("live_bytes"); have != bytes {
		t.Errorf("%d bytes are left on the card", have-bytes)
	}
	if have := emu.Count("live_handles"); have != handles {
		t.Errorf("%d handles are left", have-handles)
	}
}

// compileError is the error of compiling a net for a batch of 64 on the cards that settings
// describe.
func compileError(t *testing.T, settings string, c engine.Config) error {
	t.Helper()
	require(t)
	emu.With(t, settings)
	g, err := graph.Build(graphtest.Small("26", 16, 1))
	if err != nil {
		t.Fatal(err)
	}
	c.Batch, c.Replicas = 64, 2
	p, err := gpu.Backend{}.Compile(g, c)
	if err == nil {
		p.Close()
	}
	return err
}

// A net that does not fit is refused before any kernel runs. The error names the bytes and the
// largest batch that fits, and that batch does fit. It is the other tests' batch, so that its
// kernels are compiled already.
func TestTooLittleMemory(t *testing.T) {
	err := compileError(t, "memory=3750K", engine.Config{Precision: "bf16"})
	var e *gpu.MemoryError
	if !errors.As(err, &e) {
		t.Fatalf("want a *MemoryError, have %v", err)
	}
	if e.Batch != 64 || e.Need <= e.Free || e.Largest != batch || !strings.Contains(err.Error(), "-o train.batch=") {
		t.Errorf("%+v: %v", e, err)
	}
	g, _ := graph.Build(graphtest.Small("26", 16, 1))
	p, err := gpu.Backend{Precision: "bf16"}.Compile(g, engine.Config{Batch: e.Largest, Replicas: 2})
	if err != nil {
		t.Fatalf("a batch of %d was said to fit: %v", e.Largest, err)
	}
	p.Close()
}

// Images that find no room beside the net are refused likewise, and the program continues without
// them.
func TestTooLittleMemoryForImages(t *testing.T) {
	require(t)
	emu.With(t, "memory=6M")
	g, err := graph.Build(graphtest.Small("26", 16, 1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := gpu.Backend{Precision: "bf16"}.Compile(g, engine.Config{Batch: 16, Replicas: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	few, many := enginetest.Noise(32, g.Classes), enginetest.Noise(2000, g.Classes)
	var e *gpu.MemoryError
	if err := p.Load(many, few); !errors.As(err, &e) || e.Data != many.Bytes()+few.Bytes() || e.Need <= e.Data || e.Largest != 0 || !strings.Contains(err.Error(), "and the data set, 6.0 MiB, need") {
		t.Errorf("%+v: %v", e, err)
	}
	if err := p.Load(few, few); err != nil {
		t.Errorf("images that fit: %v", err)
	}
}

// On a card that is too old for a precision the error says which precisions the card has; "auto"
// takes one of those.
func TestOldCard(t *testing.T) {
	if err := compileError(t, "cc=7.5", engine.Config{Precision: "bf16"}); err == nil || !strings.Contains(err.Error(), "take fp16 or fp32") {
		t.Errorf("bf16 on compute capability 7.5: %v", err)
	}
}

// A network starts whose batch norms read slices of channels, which the library refuses to put into
// packed tensors: they stay with our kernels.
func TestTuneDense(t *testing.T) {
	require(t)
	exhaustive.Only(t)
	emu.Only(t)
	freshPlans(t)
	gpu.TimeOnce(t)
	p := program(t, gpu.Backend{Precision: "bf16", Tune: true}, graphtest.Dense(8, 1))
	train(t, p, 0.01, 0, 2)
	if m, err := p.Metrics(true); err != nil || m.Images != 2*batch || m.BadStep != -1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// Engines are timed once for each shape. The first program reports the timing, the next one finds
// the choice on disk, and both train.
func TestTune(t *testing.T) {
	require(t)
	emu.Only(t)
	freshPlans(t)
	gpu.SetProgress(t, 0)
	gpu.TimeOnce(t)
	s := graphtest.Small("26", 16, 1)
	for i, want := range []int{1, 0} {
		var said []string
		p := program(t, gpu.Backend{Precision: "bf16", Tune: true, Report: func(line string) { said = append(said, line) }}, s)
		train(t, p, 0.01, 0, 2)
		if m, err := p.Metrics(true); err != nil || m.Images != 2*batch || m.BadStep != -1 {
			t.Errorf("program %d: %+v, %v", i, m, err)
		}
		all, timed := gpu.Plans(p)
		ragged := engine.Step{Iteration: 2, LR: 0.01, Index: []int32{0, 1, 2}}
		if err := p.Step(ragged); err != nil {
			t.Fatal(err)
		}
		if m, err := p.Metrics(true); err != nil || m.Images != 3 || m.BadStep != -1 {
			t.Errorf("program %d: a ragged batch: %+v, %v", i, m, err)
		}
		if more, still := gpu.Plans(p); len(more) <= len(all) || still != timed || timed == 0 {
			t.Errorf("program %d: %d plans, %d of them timed; after a ragged batch %d, %d of them timed", i, len(all), timed, len(more), still)
		}
		timing := 0
		for _, line := range said {
			if strings.HasPrefix(line, "timing cuDNN's engines") {
				timing++
			}
		}
		if timing != want {
			t.Errorf("program %d said %q, want %d announcements of timing", i, said, want)
		}
		for line, want := range map[string]int{"1 of %d kernels are compiled": 1, "cuDNN's engines are timed for 1 of %d convolutions": want, "1 of %d ways through the step are timed": want} {
			have, all := 0, 0
			for _, l := range said {
				if _, err := fmt.Sscanf(l, line, &all); err == nil {
					have++
				}
			}
			if have != want || want > 0 && all < 2 {
				t.Errorf("program %d said %q, want %q %d times", i, said, line, want)
			}
		}
	}
}
