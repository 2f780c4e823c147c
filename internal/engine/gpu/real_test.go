package gpu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shake/cudnn"
	"shake/cudnn/cudnntest"
	"shake/internal/engine"
	"shake/nets"
)

// realPrecisions are those that a test against the real cuDNN goes through: usual ones, or every one under SHAKE_PLANS=all, which takes a quarter of an hour.
func realPrecisions(usual ...string) []precision {
	return slices.DeleteFunc(slices.Clone(precisions), func(p precision) bool {
		return os.Getenv("SHAKE_PLANS") != "all" && !slices.Contains(usual, p.name)
	})
}

// TestRealConvolutions plans every distinct convolution of every network that comes with shake, as this engine runs it, by the real cuDNN for described cards:
// all three directions, merged, grouped, packed, on slices of channels. On the H100 in every precision, and those with groups also as one a group; on the A100 in bf16, and in every precision under SHAKE_PLANS=all. What it chose and the memory that it wants
// to work in are kept in a golden file, which counts for the version that it names.
func TestRealConvolutions(t *testing.T) {
	for _, card := range []string{"h100", "a100"} {
		t.Run(card, func(t *testing.T) {
			h := cudnntest.Offline(t, card)
			lines := []string{"cuDNN " + h.Version() + " on " + h.Card()}
			seen := map[string]bool{}
			ps := map[string][]precision{"h100": precisions, "a100": realPrecisions("bf16")}[card]
			for _, p := range ps {
				for _, name := range nets.Names() {
					lines = append(lines, realPlans(t, h, name, p, card == "h100", seen)...)
				}
			}
			golden(t, filepath.Join("testdata", "real-"+card+".golden"), lines, ps)
		})
	}
}

// realPlans plans what seen does not have yet of a network.
func realPlans(t *testing.T, h *cudnn.Handle, name string, p precision, sliced bool, seen map[string]bool) []string {
	t.Helper()
	spec, err := nets.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	l := list(t, spec, p.storage, spec.Train.Batch, spec.Train.Replicas)
	var lines []string
	ops := slices.Clone(l.Ops)
	if sliced {
		for _, o := range l.Ops {
			ops = append(ops, slicesOf(o)...)
		}
	}
	for _, o := range ops {
		c := l.convolution(o, l.Batch, p)
		if c == nil || seen[c.key()] {
			continue
		}
		seen[c.key()] = true
		plan, err := c.plan(h, c.t[0], c.t[1], c.t[2], c.desc, c.options(true)...)
		if err != nil {
			t.Errorf("%s in %s: %s: %v", name, p.name, l.op(o), err)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s: x %v, %v: %s, workspace %d", p.name, c.dir, c.t[0], c.desc, plan.Engine(), plan.Workspace()))
		if plan.Workspace() > workspaceLimit {
			t.Errorf("%s: %d bytes to work in", l.op(o), plan.Workspace())
		}
		if err := plan.Close(); err != nil {
			t.Error(err)
		}
	}
	return lines
}

// TestRealRivals prepares every distinct graph that the engine may choose instead of its own kernels, for the replica's part of the batch that a net trains with, by the
// real cuDNN for described cards: of every net in bf16; under SHAKE_PLANS=all of one of each family on the H100 in the other precisions too. What it does not take is on
// record: there the engine's own kernels stay.
func TestRealRivals(t *testing.T) {
	few := []string{"26-2x32d", "resnext29"}
	for _, card := range []string{"h100", "a100"} {
		t.Run(card, func(t *testing.T) {
			h := cudnntest.Offline(t, card)
			lines := []string{"cuDNN " + h.Version() + " on " + h.Card()}
			seen := map[string]bool{}
			ps := precisions[:1]
			if card == "h100" {
				ps = realPrecisions("bf16")
			}
			for _, p := range ps {
				names := nets.Names()
				if p.name != "bf16" {
					names = few
				}
				can := map[string]int{}
				for _, name := range names {
					lines = append(lines, realRivals(t, h, name, p, seen, can)...)
				}
				for _, kind := range []string{ConvStats, BatchNorm, BatchNormBackward} {
					if can[kind] == 0 && (p.name != "fp32" || kind != ConvStats) { // fused convolutions multiply on tensor cores
						t.Errorf("in %s cuDNN takes no %s at all", p.name, kind)
					}
				}
			}
			golden(t, filepath.Join("testdata", "real-rivals-"+card+".golden"), lines, ps)
		})
	}
}

// realRivals prepares what seen does not have yet of a network, and counts by kind in can what cuDNN takes.
func realRivals(t *testing.T, h *cudnn.Handle, name string, p precision, seen map[string]bool, can map[string]int) []string {
	t.Helper()
	spec, err := nets.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	l := list(t, spec, p.storage, spec.Train.Batch, spec.Train.Replicas)
	rs, err := l.rivals(p, 132)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range rs {
		for _, rg := range r.graphs {
			_, images := engine.ReplicaRange(l.Batch, l.Replicas, 0)
			g := rg.make(images)
			key := p.name + graphKey(g)
			if seen[key] {
				continue
			}
			seen[key] = true
			what := fmt.Sprintf("%s %s: %v", p.name, r.kind, g)
			plan, err := h.Plan(g, cudnn.WorkspaceLimit(workspaceLimit))
			if errors.Is(err, cudnn.ErrNotSupported) {
				lines = append(lines, what+": not supported")
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v", name, what, err)
				continue
			}
			can[r.kind]++
			lines = append(lines, fmt.Sprintf("%s: %s, workspace %d", what, plan.Engine(), plan.Workspace()))
			if err := plan.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	return lines
}

// golden compares lines with a file whose first line is the version that they are for; of the file those count that begin with the precisions that were tried.
func golden(t *testing.T, file string, lines []string, ps []precision) {
	t.Helper()
	slices.Sort(lines[1:])
	have := strings.Join(lines, "\n") + "\n"
	if *update {
		if os.Getenv("SHAKE_PLANS") != "all" {
			t.Fatal("-update without SHAKE_PLANS=all would forget plans")
		}
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%v: run with SHAKE_PLANS=all and -update", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(b), "\n")
	if first != lines[0] {
		t.Logf("%s is of %s; this is %s: not compared", file, first, lines[0])
		return
	}
	want := first + "\n"
	for line := range strings.Lines(rest) {
		if slices.ContainsFunc(ps, func(p precision) bool { return strings.HasPrefix(line, p.name+" ") }) {
			want += line
		}
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("%s changed (-want +have); if meant, run with SHAKE_PLANS=all and -update:\n%s", file, d)
	}
}
