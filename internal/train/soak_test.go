package train

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestSoak is a week's run in short time: epochs of one step, each with its evaluation, lines and
// checkpoint, interrupted and resumed between. Descriptors, goroutines, threads, files and memory
// stay at their early counts. make test has 1800 epochs, the paper's number, make campaign 20,000.
func TestSoak(t *testing.T) {
	epochs := 1800
	if campaign() {
		epochs = 19998
	}
	dir := tempDir(t)
	type usage struct{ descriptors, goroutines, threads, files int }
	measure := func() (u usage, heap uint64) {
		for _, c := range []struct {
			count *int
			dir   string
		}{{&u.descriptors, "/proc/self/fd"}, {&u.threads, "/proc/self/task"}, {&u.files, dir}} {
			entries, err := os.ReadDir(c.dir)
			if err != nil {
				t.Skip(err)
			}
			*c.count = len(entries)
		}
		u.goroutines = runtime.NumGoroutine()
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return u, m.HeapAlloc
	}
	var early usage
	var earlyHeap uint64
	o := options(t, dir, "train.epochs=50000", "train.log_steps=1")
	o.Train = images(8, 1)
	o.Spec.Train.MaxSteps = epochs
	for done := 0; done < epochs; o.Resume = true {
		// As many epochs again before the next interrupt.
		stop := done + epochs/6
		ctx, cancel := context.WithCancel(context.Background())
		o.Observer = &counter{saved: func(s Saved) {
			done = s.Step
			switch {
			case s.Step == stop:
				cancel()
			case s.Step == epochs/6*2-1 && early.files == 0:
				early, earlyHeap = measure()
			case s.Step == epochs-1:
				// A goroutine that has done its work may still be about to end.
				for wait := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > early.goroutines && time.Now().Before(wait); {
					time.Sleep(time.Millisecond)
				}
				late, heap := measure()
				// Go's runtime starts threads at will and ends none.
				if late.threads > early.threads+4 {
					t.Errorf("%d threads, early on %d", late.threads, early.threads)
				}
				// Goroutines of an earlier test may have ended in between.
				if late.descriptors > early.descriptors || late.goroutines > early.goroutines || late.files > early.files {
					t.Errorf("after %d epochs %+v, early on %+v", s.Step, late, early)
				}
				// A record of an epoch takes 100 bytes.
				if most := earlyHeap + uint64(epochs)*200 + 1<<19; heap > most {
					t.Errorf("after %d epochs %d bytes of heap, early on %d", s.Step, heap, earlyHeap)
				}
				t.Logf("after %d epochs %+v and %d bytes of heap, early on %+v and %d", s.Step, late, heap, early, earlyHeap)
			}
		}}
		_, err := Run(ctx, o)
		cancel()
		if err != nil && !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
	}
	if early.files == 0 {
		t.Fatal("nothing was measured")
	}
	if n, err := readEpochs(dir); err != nil || len(n) != epochs {
		t.Errorf("%d epochs, %v", len(n), err)
	}
}

// counter is an Observer that keeps nothing.
type counter struct {
	listener
	saved func(Saved)
}

func (c *counter) Step(StepRecord)   {}
func (c *counter) Epoch(EpochRecord) {}
func (c *counter) Saved(s Saved)     { c.saved(s) }
