package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"shake/internal/gpustat"
)

// now are the last samples of the run's cards, by their numbers.
func (m *meter) now() []gpustat.Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []gpustat.Sample
	for _, card := range slices.Sorted(maps.Keys(m.last)) {
		out = append(out, m.last[card])
	}
	return out
}

// cardLines are the cards at their last samples, each with the memory that all processes use, the
// utilisation, the power and the temperature, as far as the driver tells: as many a line as width
// columns hold.
func cardLines(samples []gpustat.Sample, width int) (lines []string) {
	line := ""
	for _, s := range samples {
		text := cardNow(s)
		if line != "" && len(line)+3+len(text) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += "   "
		}
		line += text[:min(len(text), max(width, 0))]
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// cardNow is one card's sample, such as "card 0  41.3/80.0 GiB  97%  412 W  61 C".
func cardNow(s gpustat.Sample) string {
	fields := []string{fmt.Sprintf("card %d", s.Card)}
	if s.MemoryUsed.Known() {
		memory := gibibytes(s.MemoryUsed)
		if s.MemoryTotal.Known() {
			memory = fmt.Sprintf("%.1f/%s", s.MemoryUsed/(1<<30), gibibytes(s.MemoryTotal))
		}
		fields = append(fields, memory)
	}
	for _, f := range []struct {
		figure gpustat.Figure
		format string
	}{{s.Utilization, "%.0f%%"}, {s.Power, "%.0f W"}, {s.Temperature, "%.0f C"}} {
		if f.figure.Known() {
			fields = append(fields, fmt.Sprintf(f.format, float64(f.figure)))
		}
	}
	return strings.Join(fields, "  ")
}
