package cudnn_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"shake/csrc/emu"
	"shake/cudnn"
	"shake/cudnn/cuda"
)

// asked is questions for plans: convolutions of several shapes, each with candidates behind the
// first plan, every other one twice, and one that no engine takes.
func asked() (all []func(h *cudnn.Handle) ([]*cudnn.Plan, error)) {
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	for i := range 6 {
		c := 8 * (i%3 + 1)
		x, w := cudnn.NHWC(2, c, 8, 8, cudnn.BF16), cudnn.NHWC(c, c, 3, 3, cudnn.BF16)
		all = append(all, func(h *cudnn.Handle) ([]*cudnn.Plan, error) {
			p, err := h.ConvForward(x, w, x, conv)
			if err != nil {
				return nil, err
			}
			more, err := h.ConvForwardPlans(x, w, x, conv)
			return append(more, p), err
		})
	}
	x, w := cudnn.NHWC(3, 8, 8, 8, cudnn.BF16), cudnn.NHWC(8, 8, 3, 3, cudnn.BF16)
	return append(all, func(h *cudnn.Handle) ([]*cudnn.Plan, error) {
		p, err := h.ConvForward(x, w, x, conv, cudnn.WorkspaceLimit(-1))
		return []*cudnn.Plan{p}, err
	})
}

// answers asks h all questions in order, and describes the answers.
func answers(t *testing.T, h *cudnn.Handle) (said []string) {
	t.Helper()
	for _, ask := range asked() {
		plans, err := ask(h)
		if err != nil {
			said = append(said, err.Error())
			continue
		}
		for _, p := range plans {
			said = append(said, fmt.Sprint(p, p.Config()))
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	return said
}

// tasks are the questions as tasks, which close the plans.
func tasks(t *testing.T) (all []func(*cudnn.Handle)) {
	for _, ask := range asked() {
		all = append(all, func(h *cudnn.Handle) {
			plans, err := ask(h)
			for _, p := range plans {
				if err != nil {
					break
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	return all
}

// remembered is a new number each time, with which the emulator forgets earlier plans.
var remembered atomic.Int32

// With any number of workers a handle finds the plans that it finds alone, refusals included, and
// has none prepared again; each plan is prepared once, on as many threads as there are workers.
// Without a cache and with one.
func TestPrepare(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		for _, cached := range []bool{false, true} {
			t.Run(fmt.Sprint(workers, " workers, cache: ", cached), func(t *testing.T) {
				c := open(t)
				emu.Only(t)
				want := answers(t, c.h)
				if n := len(want); n < 12 || !strings.Contains(want[n-1], "not supported") {
					t.Fatalf("answers %q", want)
				}
				if cached {
					cache, err := cudnn.OpenCache(t.TempDir())
					if err != nil {
						t.Fatal(err)
					}
					c.h.UseCache(cache)
				}
				t.Setenv("SHAKE_EMU_CUDNN", fmt.Sprintf("remember=%d;prepare=3", remembered.Add(1)))
				emu.Reset()
				done := 0
				err := c.h.Prepare(cudnn.Preparation{Tasks: tasks(t), Workers: workers, Done: func() { done++ }})
				if err != nil || done != len(asked()) || emu.Count("cudnn_handle") != 0 {
					t.Fatalf("%d tasks are done, %v; %d handles are left", done, err, emu.Count("cudnn_handle"))
				}
				made := emu.Count("plan")
				if again, on := emu.Count("plan_again"), emu.Count("plan_thread"); made == 0 || again > 0 || on < min(workers, 3) || on > workers {
					t.Errorf("%d plans were made, %d of them before too, on %d threads", made, again, on)
				}
				if have := answers(t, c.h); !slices.Equal(have, want) {
					t.Errorf("answers %q, without preparation %q", have, want)
				}
				if n := emu.Count("plan"); n != made || emu.Count("plan_read") < made {
					t.Errorf("behind the preparation, which made %d plans, %d were made and %d read", made, n-made, emu.Count("plan_read"))
				}
				c.h.Forget()
				if answers(t, c.h); emu.Count("plan") == made {
					t.Error("plans are still kept")
				}
			})
		}
	}
}

// A plan that Autotune found to be the fastest comes before the one that was prepared.
func TestPrepareThenAutotune(t *testing.T) {
	c := open(t)
	cache, err := cudnn.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c.h.UseCache(cache)
	x, w := cudnn.NHWC(2, 8, 8, 8, cudnn.BF16), cudnn.NHWC(8, 8, 3, 3, cudnn.BF16)
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	kept := func() (bool, time.Duration) { return c.h.Kept(cudnn.ConvForwardGraph(x, w, x, conv)) }
	if is, _ := kept(); is {
		t.Error("an empty cache has a plan")
	}
	if err := c.h.Prepare(cudnn.Preparation{Tasks: tasks(t)[:2], Workers: 2}); err != nil {
		t.Fatal(err)
	}
	if is, took := kept(); !is || took != 0 {
		t.Errorf("the cache has the prepared plan: %v, timed %v", is, took)
	}
	plans, err := c.h.ConvForwardPlans(x, w, x, conv)
	if err != nil || len(plans) < 2 {
		t.Fatal(len(plans), err)
	}
	room := int64(16)
	for _, p := range plans {
		room = max(room, p.Workspace())
	}
	at := func(n int64) cuda.Ptr {
		m, err := c.ctx.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.check(m.Close()) })
		return m.Ptr()
	}
	times, err := c.h.Autotune(plans[1:2], at(room), at(x.Bytes()), at(w.Bytes()), at(x.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if is, took := kept(); !is || took != times[0].Time {
		t.Errorf("the cache has the timed plan: %v, timed %v, want %v", is, took, times[0].Time)
	}
	p, err := c.h.ConvForward(x, w, x, conv)
	if err != nil || p.Engine() != times[0].Plan.Engine() || p.Time() == 0 {
		t.Errorf("%v, %v, want the timed %v", p, err, times[0].Plan)
	}
	for _, p := range append(plans, p) {
		c.check(p.Close())
	}
}

// Stop ends a preparation behind the plans under way; no thread and no handle stays.
func TestPrepareStops(t *testing.T) {
	c := open(t)
	emu.Only(t)
	t.Setenv("SHAKE_EMU_CUDNN", "prepare=20")
	emu.Reset()
	before := runtime.NumGoroutine()
	var stop atomic.Bool
	var once sync.Once
	all := tasks(t)
	first := all[0]
	all[0] = func(h *cudnn.Handle) {
		once.Do(func() { stop.Store(true) })
		first(h) // whose plans are not begun
	}
	err := c.h.Prepare(cudnn.Preparation{Tasks: all, Workers: 2, Stop: stop.Load})
	if !errors.Is(err, cudnn.ErrStopped) || emu.Count("plan") > 1 {
		t.Errorf("%v after %d plans", err, emu.Count("plan"))
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n, h := runtime.NumGoroutine(), emu.Count("cudnn_handle"); n > before || h != 0 {
		t.Errorf("%d goroutines, %d before; %d handles are left", n, before, h)
	}
	c.h.Forget()
}

// Mistakes: another's handle in a task, a plan left open, no handle to be had, a closed handle.
func TestPrepareMisuse(t *testing.T) {
	c := open(t)
	emu.Only(t)
	x, w := cudnn.NHWC(2, 8, 8, 8, cudnn.BF16), cudnn.NHWC(8, 8, 3, 3, cudnn.BF16)
	conv := cudnn.ConvDesc{Pad: [2]int{1, 1}}
	var wrong error
	err := c.h.Prepare(cudnn.Preparation{Workers: 1, Tasks: []func(*cudnn.Handle){func(*cudnn.Handle) { _, wrong = c.h.ConvForward(x, w, x, conv) }}})
	if err != nil || !errors.Is(wrong, cudnn.ErrThread) {
		t.Errorf("the main handle in a task: %v, %v", wrong, err)
	}
	var left *cudnn.Plan
	err = c.h.Prepare(cudnn.Preparation{Workers: 1, Tasks: []func(*cudnn.Handle){func(h *cudnn.Handle) { left, _ = h.ConvForward(x, w, x, conv) }}})
	if !errors.Is(err, cudnn.ErrInvalid) || left == nil {
		t.Errorf("a plan left open: %v", err)
	}
	t.Setenv("SHAKE_EMU_CUDNN", "create=1001")
	if err := c.h.Prepare(cudnn.Preparation{Workers: 2, Tasks: tasks(t)}); err == nil {
		t.Error("no handle can be made, and that is no error")
	}
	if err := c.h.Prepare(cudnn.Preparation{Workers: 2}); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
	var none *cudnn.Handle
	if err := none.Prepare(cudnn.Preparation{}); !errors.Is(err, cudnn.ErrClosed) {
		t.Errorf("no handle: %v", err)
	}
	c.h.Forget()
}
