package main

import (
	"slices"
	"testing"
	"time"

	"shake/internal/gpustat"
)

// The cards of a run stand above the line of the steps, as many a line as fit, without the figures
// that a driver does not tell.
func TestCardLines(t *testing.T) {
	one := gpustat.Sample{Card: 0, MemoryUsed: 41.25 * (1 << 30), MemoryTotal: 80 << 30, Utilization: 97, Power: 411.6, Temperature: 61}
	two := one
	two.Card, two.MemoryTotal, two.Power, two.Temperature = 1, gpustat.Unknown, gpustat.Unknown, gpustat.Unknown
	none := gpustat.Sample{Card: 2, MemoryUsed: gpustat.Unknown, MemoryTotal: gpustat.Unknown, Utilization: gpustat.Unknown, Power: gpustat.Unknown, Temperature: gpustat.Unknown}
	for _, c := range []struct {
		width int
		want  []string
	}{
		{200, []string{"card 0  41.2/80.0 GiB  97%  412 W  61 C   card 1  41.2 GiB  97%   card 2"}},
		{60, []string{"card 0  41.2/80.0 GiB  97%  412 W  61 C", "card 1  41.2 GiB  97%   card 2"}},
		{20, []string{"card 0  41.2/80.0 Gi", "card 1  41.2 GiB  97", "card 2"}},
	} {
		if have := cardLines([]gpustat.Sample{one, two, none}, c.width); !slices.Equal(have, c.want) {
			t.Errorf("width %d: %q, want %q", c.width, have, c.want)
		}
	}
	if have := cardLines(nil, 80); have != nil {
		t.Errorf("no cards: %q", have)
	}
}

// A meter knows the last sample of each card, and none of a lost one.
func TestMeterNow(t *testing.T) {
	m := newMeter()
	m.full = true // no journal
	m.naming = new(gpustat.Naming)
	for _, e := range []gpustat.Event{
		gpustat.Sample{Card: 1, Power: 100}, gpustat.Sample{Card: 0, Power: 200}, gpustat.Sample{Card: 1, Power: 300},
	} {
		m.hear(e)
	}
	if now := m.now(); len(now) != 2 || now[0].Power != 200 || now[1].Power != 300 {
		t.Errorf("two cards: %+v", now)
	}
	m.hear(gpustat.Lost{Card: 0, Time: time.Now()})
	if now := m.now(); len(now) != 1 || now[0].Card != 1 {
		t.Errorf("card 0 is lost: %+v", now)
	}
}
