package gpu

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"shake/cudnn"
	"shake/cudnn/cudnntest"
	"shake/internal/engine"
	"shake/nets"
)

var preparedNet = flag.String("prepare", "", "TestRealPrepare: prepare all plans of this `network`, for a measurement")

// TestRealPrepare has the real cuDNN prepare plans for a described H100 on GOMAXPROCS threads at
// once, as a first start does, and then finds them on its own thread: the plans are those found
// without the preparation. With -prepare they are those of a whole network, and the comparison is
// left out.
func TestRealPrepare(t *testing.T) {
	h := cudnntest.Offline(t, "h100")
	name, most := *preparedNet, 1<<20
	if name == "" {
		name, most = "quick", 4
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	spec, err := nets.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	prec := precisions[0]
	p := &program{
		list: list(t, spec, prec.storage, spec.Train.Batch, spec.Train.Replicas), precision: prec, dnn: h,
		cfg: engine.Config{Batch: spec.Train.Batch, Replicas: spec.Train.Replicas, Deterministic: true},
	}
	var asked []*convolution
	for _, o := range p.list.Ops {
		if c := p.list.convolution(o, p.list.Batch, prec); c != nil && !slices.ContainsFunc(asked, func(d *convolution) bool { return d.key() == c.key() }) {
			asked = append(asked, c)
		}
	}
	asked = asked[max(0, len(asked)-most):] // weight gradients are among the last
	var mu sync.Mutex
	threads := map[int]time.Duration{} // processor time by thread
	q := &questions{p: p, seen: map[string]bool{}}
	for _, c := range asked {
		q.add(c.key(), func() bool { return p.kept(c) }, func(h *cudnn.Handle) {
			before := processorTime(t, rusageThread)
			_ = p.ask(h, c)
			mu.Lock()
			defer mu.Unlock()
			threads[syscall.Gettid()] += processorTime(t, rusageThread) - before
		})
	}
	answers := func() (all []string) {
		for _, c := range asked {
			plan, err := c.plan(h, c.t[0], c.t[1], c.t[2], c.desc, c.options(true)...)
			if err != nil {
				all = append(all, err.Error())
				continue
			}
			all = append(all, fmt.Sprint(plan, plan.Config()))
			plan.Close()
		}
		return all
	}
	begin, before := time.Now(), processorTime(t, syscall.RUSAGE_SELF)
	if err := p.prepare(q); err != nil {
		t.Fatal(err)
	}
	prepared, used := time.Since(begin), processorTime(t, syscall.RUSAGE_SELF)-before
	busiest := slices.Max(slices.Collect(maps.Values(threads)))
	begin = time.Now()
	have := answers()
	t.Logf("cuDNN %s for %s: %d convolutions of %s on %d threads: prepared in %v with %v of processor time, %v of them on the busiest thread, then found in %v",
		h.Version(), h.Card(), len(asked), name, runtime.GOMAXPROCS(0), prepared.Round(time.Millisecond), used.Round(time.Millisecond), busiest.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	h.Forget()
	if *preparedNet != "" {
		return
	}
	if want := answers(); !slices.Equal(have, want) {
		t.Errorf("prepared are %q, found without %q", have, want)
	}
}

// rusageThread is RUSAGE_THREAD of getrusage.
const rusageThread = 1

// processorTime is the time that the processor has worked for this process or this thread.
func processorTime(t *testing.T, whose int) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(whose, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
