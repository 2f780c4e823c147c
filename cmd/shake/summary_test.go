package main

import (
	"strings"
	"testing"

	"shake/nets"
)

// TestFigure: one run has no mean.
func TestFigure(t *testing.T) {
	for runs, want := range map[int]string{1: "epochs, 1 run", 3: "epochs, mean of 3 runs"} {
		f := figure(nets.Row{Model: "26 2x32d", Label: "S-S-I", Error: 3.55, Runs: runs})
		if !strings.HasSuffix(f.Label, want) {
			t.Errorf("%d runs: %q, want %q at its end", runs, f.Label, want)
		}
	}
	if figure(nets.Row{}) != nil {
		t.Error("a figure of nothing")
	}
}
