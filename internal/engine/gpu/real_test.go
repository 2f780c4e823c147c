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
	"shake/internal/golden"
	"shake/nets"
)

// realPrecisions are the precisions of a test against the real cuDNN: the usual ones, or every one
// under SHAKE_PLANS=all, which takes a quarter of an hour.
func realPrecisions(usual ...string) []precision {
	return slices.DeleteFunc(slices.Clone(precisions), func(p precision) bool {
		return !realAll() && !slices.Contains(usual, p.name)
	})
}

// realCards are described cards of sm_90, sm_80 and sm_89: two for data centres, one for desks.
var realCards = []string{"h100", "a100", "rtx4090"}

// realAll says whether every plan is tested, which takes hours.
func realAll() bool { return os.Getenv("SHAKE_PLANS") == "all" }

// realFew says whether one network's plans will do.
func realFew() bool { return os.Getenv("SHAKE_PLANS") == "few" }

// realNets are the networks whose plans are tested on a card.
func realNets(card string) []string {
	if realFew() {
		return []string{"26-2x32d"}
	}
	if card == "h100" || realAll() {
		return nets.Names()
	}
	return []string{"26-2x32d", "resnext29"}
}

// goldenFile is the file with the plans of one version of cuDNN for a card.
func goldenFile(what, card string, h *cudnn.Handle) string {
	version, _, _ := strings.Cut(strings.TrimPrefix(h.Version(), "9."), ".")
	return filepath.Join("testdata", fmt.Sprintf("%s-%s-9.%s.golden", what, card, version))
}

// TestRealConvolutions plans every distinct convolution of every built-in network, as this engine
// runs it, by the real cuDNN for described cards: all three directions, merged, grouped, packed, on
// slices of channels. It plans in bf16: every net on the H100, one net of each family on the other
// cards. Under SHAKE_PLANS=all it plans every net on every card in every precision, and
// convolutions with groups also as one a group; under SHAKE_PLANS=few one net. Golden files keep
// the engines and workspaces of the usual case, for the versions that have some.
func TestRealConvolutions(t *testing.T) {
	for _, card := range realCards {
		t.Run(card, func(t *testing.T) {
			h := cudnntest.Offline(t, card)
			lines := []string{"cuDNN " + h.Version() + " on " + h.Card()}
			seen := map[string]bool{}
			for _, p := range realPrecisions("bf16") {
				for _, name := range realNets(card) {
					lines = append(lines, realPlans(t, h, name, p, realAll(), seen)...)
				}
			}
			goldenLines(t, goldenFile("real", card, h), lines)
		})
	}
}

// realPlans plans the convolutions of a network that seen does not have yet.
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

// TestRealRivals prepares every distinct rival graph of the engine by the real cuDNN for described
// cards, for the nets and precisions of TestRealConvolutions. A graph works on the replica's part
// of the batch that a net trains with. Graphs without support are on record: the engine's own
// kernels stay there.
func TestRealRivals(t *testing.T) {
	for _, card := range realCards {
		t.Run(card, func(t *testing.T) {
			h := cudnntest.Offline(t, card)
			lines := []string{"cuDNN " + h.Version() + " on " + h.Card()}
			seen := map[string]bool{}
			for _, p := range realPrecisions("bf16") {
				can := map[string]int{}
				for _, name := range realNets(card) {
					lines = append(lines, realRivals(t, h, name, p, seen, can)...)
				}
				for _, kind := range []string{ConvStats, BatchNorm, BatchNormBackward} {
					// Fused convolutions multiply on tensor cores, so fp32 has none.
					if can[kind] == 0 && (p.name != "fp32" || kind != ConvStats) {
						t.Errorf("in %s cuDNN takes no %s at all", p.name, kind)
					}
				}
			}
			goldenLines(t, goldenFile("real-rivals", card, h), lines)
		})
	}
}

// realRivals prepares the graphs of a network that seen does not have yet, and counts the supported
// ones in can, by kind.
func realRivals(t *testing.T, h *cudnn.Handle, name string, p precision, seen map[string]bool, can map[string]int) []string {
	t.Helper()
	spec, err := nets.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	l := list(t, spec, p.storage, spec.Train.Batch, spec.Train.Replicas)
	rs, err := l.rivals(p, usualChip)
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

// goldenLines compares lines with a file whose first line is the library's version. Every line of
// the file must be among lines but under SHAKE_PLANS=few, and lines has no others but under
// SHAKE_PLANS=all. A version without a file is not compared.
func goldenLines(t *testing.T, file string, lines []string) {
	t.Helper()
	slices.Sort(lines[1:])
	if golden.Updating() {
		if realAll() || realFew() {
			t.Fatal("-update with SHAKE_PLANS would keep more or less than is compared")
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		t.Logf("no %s: what %s chose is not compared", file, lines[0])
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(b)), "\n")
	if want[0] != lines[0] {
		t.Logf("%s is of %s; this is %s: not compared", file, want[0], lines[0])
		return
	}
	have := lines
	if realAll() {
		have = both(have, want)
	}
	if realFew() {
		want = both(want, have)
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("%s changed (-want +have); if meant, run with -update:\n%s", file, d)
	}
}

// both are the lines that b has as well, each as often as b has it.
func both(a, b []string) []string {
	left := map[string]int{}
	for _, l := range b {
		left[l]++
	}
	return slices.DeleteFunc(slices.Clone(a), func(l string) bool { left[l]--; return left[l] < 0 })
}
