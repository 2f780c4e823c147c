package gpu

import (
	"errors"
	"slices"
	"testing"

	kernels "shake/csrc/cuda"
	"shake/internal/engine"
	"shake/nets"
)

// joinedGroups are the ops of a list, with every cooperative launch in place of its run.
func joinedGroups(t *testing.T, l *List) (groups []group, of []int) {
	t.Helper()
	at := map[int]*rival{}
	for _, r := range rivalsOf(t, l) {
		if r.cooperative {
			at[r.at] = r
		}
	}
	for i := 0; i < len(l.Ops); i = groups[len(groups)-1].end() {
		g := group{stretch: stretch{i, 1}, stream: l.Items[i].Stream}
		if r := at[i]; r != nil {
			g = group{stretch{i, r.count}, r.stream, true}
		}
		for range g.count {
			of = append(of, len(groups))
		}
		groups = append(groups, g)
	}
	return groups, of
}

// With all cooperative launches taken, any two ops that touch the same bytes, one of them writing,
// are of one launch or ordered by edges, and so are any two such launches. Within a launch no
// buffer that is written has memory in common with another one: it runs all its ops at once.
func TestCooperativeEdges(t *testing.T) {
	seen := 0
	everyList(t, func(t *testing.T, l *List) {
		groups, of := joinedGroups(t, l)
		path := reach(l.edges(groups))
		all, where := pairs(t, l)
		for k, p := range all {
			if g, h := of[p[0]], of[p[1]]; g != h && !path[h].has(g) {
				t.Fatalf("no order between %d, %s, and %d, %s, at %s", p[0], l.op(l.Ops[p[0]]), p[1], l.op(l.Ops[p[1]]), where[k])
			}
		}
		last := -1
		for g, x := range groups {
			if !x.cooperative {
				continue
			}
			seen++
			if last >= 0 && !path[g].has(last) {
				t.Fatalf("no order between the launches for %+v and %+v", groups[last].stretch, x.stretch)
			}
			last = g
			written, used := map[BufID]bool{}, map[BufID]bool{}
			for _, o := range l.Ops[x.at:x.end()] {
				o.uses(func(b BufID, write bool) { used[b], written[b] = true, written[b] || write })
			}
			for w := range used {
				for b := range used {
					p, q := l.Plan.Buffers[w], l.Plan.Buffers[b]
					if written[w] && w != b && p.Offset < q.Offset+q.Size && q.Offset < p.Offset+p.Size {
						t.Fatalf("ops %d to %d run at once, and %%%d, which they write, shares memory with %%%d", x.at, x.end()-1, w, b)
					}
				}
			}
		}
	})
	if seen < 100 {
		t.Errorf("%d cooperative launches in all", seen)
	}
}

// A cooperative launch runs on two blocks a multiprocessor at most, and asks for no more shared
// memory than these have. It reads again the tensors that have no room.
func TestCooperativeFits(t *testing.T) {
	for _, c := range []struct {
		net   string
		card  chip
		again bool // more than shared memory holds
	}{
		{"26-2x32d", usualChip, true},
		{"26-2x32d", chip{108, 164 << 10}, true},
		{"26-2x32d", chip{128, 100 << 10}, true},
		{"resnet20", chip{148, 228 << 10}, false},
	} {
		s, err := nets.Load(c.net)
		if err != nil {
			t.Fatal(err)
		}
		l := list(t, s, kernels.BF16, s.Train.Batch, s.Train.Replicas)
		ks, err := l.Cooperative(c.card.sms, c.card.shared)
		if err != nil || len(ks) != len(l.stretches) {
			t.Fatalf("%s: %d kernels for %d runs: %v", c.net, len(ks), len(l.stretches), err)
		}
		again := int64(0)
		for _, k := range ks {
			x := k.Launch(l.Batch)
			if n := int(x.Grid[0] * x.Grid[1] * x.Grid[2]); n > 2*c.card.sms || int(x.Shared) > c.card.room() || !x.Cooperative {
				t.Errorf("%s on %+v: %+v", c.net, c.card, x)
			}
			again += k.Again()
		}
		if again > 0 != c.again {
			t.Errorf("%s on %+v: %d bytes are read again", c.net, c.card, again)
		}
	}
}

// A gradient that belongs to no norm, or is stored for something else, is in no cooperative launch,
// and a batch too large for the card has none.
func TestCooperativeNone(t *testing.T) {
	s, err := nets.Load("26-2x32d")
	if err != nil {
		t.Fatal(err)
	}
	l := list(t, s, kernels.BF16, s.Train.Batch, s.Train.Replicas)
	at := l.stretches[1]
	k := slices.IndexFunc(l.Ops[at.at:at.end()], isConcat)
	dy := l.Ops[at.at+k].(*GradConcat)
	terms := slices.Clone(dy.Terms)
	dy.Terms[0].Norm = engine.None
	if r, err := l.cooperativeBackward(at, usualChip); r != nil || err != nil {
		t.Errorf("without a norm: %v, %v", r, err)
	}
	dy.Terms = terms
	if r, err := l.cooperativeBackward(at, chip{sms: 1, shared: 228 << 10}); r != nil || err != nil {
		t.Errorf("on one multiprocessor: %v, %v", r, err)
	}
	if r, err := l.cooperativeBackward(at, usualChip); r == nil || err != nil {
		t.Errorf("as it is: %v, %v", r, err)
	}
	var refused *kernels.SpecError
	if _, err := l.gradNormLaunch(at, chip{sms: 1, shared: 228 << 10}); !errors.As(err, &refused) || refused.Field != "Blocks" {
		t.Errorf("on one multiprocessor: %v", err)
	}
}

// The scratch of a stream has room for every launch that a rival may make in it, cooperative ones
// with counters for both of their parts.
func TestReserve(t *testing.T) {
	s, err := nets.Load("resnext29")
	if err != nil {
		t.Fatal(err)
	}
	l := list(t, s, kernels.BF16, s.Train.Batch, s.Train.Replicas)
	before, _, err := l.scratch()
	if err != nil {
		t.Fatal(err)
	}
	rs := rivalsOf(t, l)
	l.reserve(rs)
	counters, floats, err := l.scratch()
	if err != nil || counters <= before {
		t.Errorf("%d counters, %d for the ops alone: %v", counters, before, err)
	}
	for _, r := range rs {
		for _, k := range r.after {
			if c, f := k.Kernel.Counters(), k.Kernel.Scratch(l.Batch); c > counters || f > floats {
				t.Errorf("%v: %d counters and %d floats, of %d and %d", r, c, f, counters, floats)
			}
		}
	}
}
