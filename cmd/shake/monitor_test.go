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
	v.hear(gpustat.Gap{Card: 0, Field: "nvlink", Reason: "not supported"})
	for i := range n {
		s := gpustat.Sample{
			Time: time.Unix(int64(i), 0), MemoryUsed: 41 << 30, MemoryTotal: 80 << 30, Utilization: gpustat.Figure(i * 100 / n), Power: gpustat.Unknown,
			Temperature: 64, SMClock: 1755, MemoryClock: gpustat.Unknown, Throttle: []string{"idle", "power cap", "heat"},
			PCIeSent: 1.24e9, PCIeReceived: 0, NVLinkSent: gpustat.Unknown, NVLinkReceived: gpustat.Unknown, Fan: 70,
			Processes: []gpustat.Process{{PID: 1, Memory: 50 << 30, User: "ann", Name: "other"}, {PID: 2, Memory: 1 << 30, User: "ben", Name: "shake run 26-2x32d --out runs/a", Shake: true}, {PID: 3, Memory: gpustat.Unknown}},
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
power   no permission, 64 C, fan 70%
clocks  sm 1755 MHz, memory ? MHz
slowed  by power cap and heat
pcie    1.24 GB/s out, 0 B/s in
nvlink  not supported

the last 4 m                       now
gpu     ▁▁▁▁▂▂▂▂▃▃▃▄▄▄▄▅▅▅▅▆▆▆▆▇▇▇████
memory  ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅

*  1.0 GiB  2 ben shake run 26-2x32d -
  50.0 GiB  1 ann other
         ?  3 ?`
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

func TestChosen(t *testing.T) {
	var cards []*gpustat.Card
	for i := range 3 {
		cards = append(cards, &gpustat.Card{Index: i, Bus: fmt.Sprintf("0000:%d9:00.0", i), UUID: fmt.Sprintf("GPU-7368-%d", i)})
	}
	for names, want := range map[string]string{
		"": "0 1 2", "2,0": "0 2", "0000:19:00.0": "1", "00000000:29:00.0": "2", "GPU-7368-1": "1",
		"3": "no card is called that: want one of 0 (0000:09:00.0, GPU-7368-0), 1 ", "GPU-7368": "3 cards begin so", "1,GPU-7368-1": "card 1 is named twice",
		"x": "no card is called that", "-1": "no card is called that", "1,": "no card is called that",
	} {
		var list []string
		if names != "" {
			list = strings.Split(names, ",")
		}
		out, err := chosen(cards, list)
		have := ""
		for _, c := range out {
			have += fmt.Sprint(" ", c.Index)
		}
		if err != nil {
			have = err.Error()
		}
		if have = strings.TrimSpace(have); have != want && (err == nil || !strings.Contains(have, want)) {
			t.Errorf("--cards %s: have %s, want %s", names, have, want)
		}
	}
}

func TestSortPanels(t *testing.T) {
	var panels []*panel
	for i, power := range []gpustat.Figure{200, gpustat.Unknown, 300, 200} {
		panels = append(panels, &panel{card: gpustat.Card{Index: i}, sample: gpustat.Sample{Power: power, Temperature: gpustat.Figure(40 - i)}})
	}
	for order, want := range map[string]string{"index": "0123", "power": "2031", "temperature": "0123"} {
		have := ""
		for _, p := range sortPanels(panels, order) {
			have += fmt.Sprint(p.card.Index)
		}
		if have != want {
			t.Errorf("by %s: %s, want %s", order, have, want)
		}
	}
}
