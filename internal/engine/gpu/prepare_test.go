package gpu_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shake/csrc/emu"
	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/exhaustive"
	"shake/internal/graph"
	"shake/internal/graph/graphtest"
)

// remembered is a new number each time, with which the emulator forgets earlier plans.
var remembered atomic.Int32

// A first start prepares cuDNN's plans on as many threads as there are cores, each once, and takes
// the plans that it takes on one core. The next start prepares none.
func TestPreparedInParallel(t *testing.T) {
	require(t)
	emu.Only(t)
	gpu.TimeOnce(t)
	for _, c := range []struct {
		family string
		tune   bool
	}{{"26", false}, {"resnext", false}, {"26", true}} {
		t.Run(fmt.Sprint(c.family, ", tuned: ", c.tune), func(t *testing.T) {
			if c.family != "26" || c.tune {
				exhaustive.Only(t)
			}
			s := graphtest.Small(c.family, 16, 1)
			var engines [][]string
			var counts []int
			for _, cores := range []int{1, 3} {
				freshPlans(t)
				gpu.SetProgress(t, 0)
				before := runtime.GOMAXPROCS(cores)
				t.Cleanup(func() { runtime.GOMAXPROCS(before) })
				t.Setenv("SHAKE_EMU_CUDNN", fmt.Sprintf("remember=%d;prepare=1", remembered.Add(1)))
				emu.Reset()
				var said []string
				p := program(t, gpu.Backend{Precision: "bf16", Tune: c.tune, Report: func(line string) { said = append(said, line) }}, s)
				n, again, threads := emu.Count("plan"), emu.Count("plan_again"), emu.Count("plan_thread")
				// The program's own thread prepares the batch of evaluations, with engines that are chosen.
				if n < 10 || again > 0 || threads != cores+1 {
					t.Errorf("%d cores: %d plans were prepared, %d of them before too, on %d threads", cores, n, again, threads)
				}
				if text := strings.Join(said, "\n"); !strings.Contains(text, "cuDNN's engines are prepared for 1 of ") {
					t.Errorf("%d cores: said %q", cores, text)
				}
				list, _ := gpu.Plans(p)
				slices.Sort(list)
				engines, counts = append(engines, list), append(counts, n)

				emu.Reset()
				said = nil
				program(t, gpu.Backend{Precision: "bf16", Tune: c.tune, Report: func(line string) { said = append(said, line) }}, s)
				if n := emu.Count("plan"); n > 0 || strings.Contains(strings.Join(said, "\n"), "are prepared") {
					t.Errorf("%d cores: the next start prepares %d plans, and says %q", cores, n, said)
				}
			}
			// Which engine is the fastest on the emulated card is chance.
			if !c.tune && !slices.Equal(engines[0], engines[1]) || counts[0] != counts[1] {
				t.Errorf("on one core %d plans were prepared, on three %d; they are %q and %q", counts[0], counts[1], engines[0], engines[1])
			}
		})
	}
}

// An interrupt ends a first start within the plans under way, and leaves no thread and no handle.
func TestPreparationStops(t *testing.T) {
	require(t)
	emu.Only(t)
	freshPlans(t)
	t.Setenv("SHAKE_EMU_CUDNN", "prepare=30")
	g, err := graph.Build(graphtest.Small("26", 16, 1))
	if err != nil {
		t.Fatal(err)
	}
	emu.Reset()
	before := runtime.NumGoroutine()
	var asked atomic.Int32
	b := gpu.Backend{Precision: "bf16", Stop: func() bool { return asked.Load() > 0 || emu.Count("plan") > 0 && asked.Add(1) > 0 }}
	p, err := b.Compile(g, engine.Config{Seed: 3, Batch: batch, Replicas: 2})
	if err == nil {
		p.Close()
	}
	most := runtime.GOMAXPROCS(0) + 1
	if n := emu.Count("plan"); !errors.Is(err, engine.ErrAbandoned) || n == 0 || n > most || emu.Count("cudnn_handle") != 0 {
		t.Errorf("%v after %d plans; %d handles are left", err, n, emu.Count("cudnn_handle"))
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}
