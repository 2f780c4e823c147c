package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"shake/internal/gpustat"
)

// someView is the view of two cards after n seconds; the second is lost after a half of them.
func someView(t *testing.T, n int) *view {
	t.Helper()
	t.Setenv("LC_ALL", "C.UTF-8")
	v := &view{head: "driver 580, CUDA 13.0", every: time.Second, changed: make(chan struct{}, 1)}
	for i := range 2 {
		c := gpustat.Card{Index: i, Name: "NVIDIA H100 80GB HBM3", Bus: fmt.Sprintf("0000:%02d:00.0", i+1), PowerLimit: 700}
		v.panels = append(v.panels, &panel{card: c, gaps: map[string]string{}, utilization: gpustat.NewRing(remembered), memory: gpustat.NewRing(remembered)})
	}
	v.hear(gpustat.Gap{Card: 0, Field: "power", Reason: "no permission"})
	for i := range n {
		s := gpustat.Sample{
			Time: time.Unix(int64(i), 0), MemoryUsed: 41 << 30, MemoryTotal: 80 << 30, Utilization: gpustat.Figure(i * 100 / n), Power: gpustat.Unknown,
			Temperature: 64, SMClock: 1755, MemoryClock: gpustat.Unknown,
			Processes: []gpustat.Process{{PID: 1, Memory: 50 << 30, Name: "other"}, {PID: 2, Memory: 1 << 30, Name: "shake run 26-2x32d --out runs/a", Shake: true}, {PID: 3, Memory: gpustat.Unknown}},
		}
		v.hear(s)
		if s.Card = 1; i < n/2 {
			v.hear(s)
		}
	}
	v.hear(gpustat.Lost{Card: 1, Reason: "GPU is lost"})
	return v
}

func TestViewLines(t *testing.T) {
	want := `2 cards  driver 580, CUDA 13.0

0  NVIDIA H100 80GB HBM3  0000:01:00.0   1  NVIDIA H100 80GB HBM3  0000:02:00.0
memory  ######......  41.0 of 80.0 GiB   lost    no answer: GPU is lost
gpu     #######################.   99%
power   no permission, 64 C
clocks  sm 1755 MHz, memory ? MHz

the last 4 m                       now
gpu     ▁▁▁▁▂▂▂▂▃▃▃▄▄▄▄▅▅▅▅▆▆▆▆▇▇▇████
memory  ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅

*  1.0 GiB  2 shake run 26-2x32d --out
  50.0 GiB  1 other
         ?  3`
	have := strings.TrimRight(strings.Join(someView(t, 240).lines(79), "\n"), "\n")
	if have != want {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
}

func TestViewFits(t *testing.T) {
	v := someView(t, 20)
	for width := range 200 {
		for _, l := range v.lines(width) {
			if n := utf8.RuneCountInString(l); n > max(width, 1) {
				t.Fatalf("a line of %d columns in %d: %q", n, width, l)
			}
		}
	}
	unread := &view{panels: []*panel{{card: gpustat.Card{Name: "a card"}}}}
	if have := strings.Join(unread.lines(40), "|"); !strings.Contains(have, "no reading yet") {
		t.Errorf("before the first reading: %s", have)
	}
}

// TestPage plays a page on a terminal that shrinks: it stays within the window, and the first
// screen comes back at the end.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	size := [2]int{80, 30}
	p := &page{w: &b, size: func() (int, int) { return size[0], size[1] }}
	v := someView(t, 20)
	p.open()
	for _, size = range [][2]int{{80, 30}, {80, 10}, {80, 1}} {
		b.Reset()
		p.draw(v)
		if n := strings.Count(b.String(), "\n"); n > size[1]-1 {
			t.Errorf("%d line feeds in a window %d high", n, size[1])
		}
		if size[1] == 10 && !strings.Contains(b.String(), "a higher window shows more") {
			t.Errorf("nothing is said of what is left out: %q", b.String())
		}
	}
	b.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.keep(ctx, make(chan struct{}), v)
	p.close(v)
	if _, after, back := strings.Cut(b.String(), "\x1b[?25h\x1b[?1049l"); !back || !strings.HasPrefix(after, "2 cards") || strings.Contains(after, "\x1b") {
		t.Errorf("at the end: %q", b.String())
	}
}
