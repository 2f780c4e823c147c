package cpu_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"shake/internal/engine"
	"shake/internal/engine/cpu"
	"shake/internal/graph/graphtest"
	"shake/nets"
)

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestMemory compares the memory that a program announces with the process's own for its first
// step, with few workers and with many.
func TestMemory(t *testing.T) {
	spec, err := nets.Load("26-2x32d")
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 12} {
		before := resident(t)
		p := program(t, cpu.Backend{}, spec, 1, 8, 2, workers)
		train(t, p, 8, 1)
		taken, said := resident(t)-before, p.Info().Memory
		t.Logf("%d workers: %d MiB said, %d MiB taken", workers, said>>20, taken>>20)
		if most := said + said/10 + 16<<20; taken > most {
			t.Errorf("%d workers: %d bytes said, %d taken", workers, said, taken)
		}
		// A worker that had no task of an operation has not touched its buffer.
		if workers == 1 && taken < said*2/3 {
			t.Errorf("%d bytes said, only %d taken", said, taken)
		}
		p.Close()
	}
}

// TestWorkersFit: the free memory limits the number of workers, and that of the processors does
// where one worker would not fit either.
func TestWorkersFit(t *testing.T) {
	spec := graphtest.Small("26", 16, 1)
	needs := func(workers int) int64 {
		p := program(t, cpu.Backend{}, spec, 3, 4, 2, workers)
		defer p.Close()
		return p.Info().Memory - imagesOf(p)
	}
	one, two := needs(1), needs(2)
	for _, c := range []struct {
		free    int64
		workers int
	}{{0, 64}, {one + 70*(two-one), 64}, {one + 9*(two-one), 10}, {one + 9*(two-one) - 1, 9}, {one, 1}, {one - 1, 3}, {1, 3}} {
		var said []string
		b := cpu.Backend{Workers: 3, Free: c.free, Report: func(line string) { said = append(said, line) }}
		p := program(t, b, spec, 3, 4, 2, 64)
		if have := p.Info().Workers; have != c.workers || !strings.Contains(p.Info().Detail, fmt.Sprintf("%d workers", have)) {
			t.Errorf("%d bytes free: %d workers (%s), want %d", c.free, have, p.Info().Detail, c.workers)
		}
		if told := len(said) == 1 && strings.Contains(said[0], fmt.Sprintf("64 workers would need %d MiB", needs(64)>>20)); told != (c.workers < 64) {
			t.Errorf("%d bytes free: said %q", c.free, said)
		}
		p.Close()
	}
}

// imagesOf is the program's copy of the data set, in bytes.
func imagesOf(p engine.Program) int64 {
	for _, c := range p.(engine.Profiler).Held().Classes {
		if c.Name == "data set" {
			return c.Bytes
		}
	}
	return 0
}
