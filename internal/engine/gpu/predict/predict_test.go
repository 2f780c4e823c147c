package predict

import (
	"math"
	"strings"
	"testing"
)

// card has round numbers.
var card = Card{Name: "round", SMs: 100, TensorPeak: 1e15, MemoryPeak: 2e12, Threads: 2048, Blocks: 32, Shared: 228 << 10,
	Memory: 1e12, Cache: 4e12, Kept: 30e6, Conv: [3]float64{4e14, 2e14, 1e14}, Launch: 2e-6, Call: 3e-6, Reduce: 1e-6, Merge: 1e-6, Slot: 1e-8, Meet: 5e-6, Busy: 0.5}

// whole is a tensor of so many megabytes in ten lanes.
func whole(tensor int, mb float64) Span {
	return Span{Tensor: tensor, Lanes: 10, LaneBytes: mb * 1e5}
}

func TestPredict(t *testing.T) {
	for _, c := range []struct {
		name string
		ls   []Launch
		want []float64 // us
	}{
		{"elementwise from memory: 10 MB missed, half of 10 written", []Launch{{Op: "apply", Reads: []Span{whole(0, 10)}, Writes: []Span{whole(1, 10)}}}, []float64{2 + 15}},
		{"what was written is read from the L2", []Launch{{Op: "apply", Writes: []Span{whole(1, 10)}}, {Op: "apply", Reads: []Span{whole(1, 10)}}}, []float64{2 + 5, 2 + 2.5}},
		{"not when more was touched since", []Launch{{Op: "apply", Writes: []Span{whole(1, 10)}}, {Op: "apply", Reads: []Span{whole(2, 30)}}, {Op: "apply", Reads: []Span{whole(1, 10)}}},
			[]float64{7, 32, 12}},
		{"of what there is too much, the rest stays", []Launch{{Op: "apply", Reads: []Span{whole(1, 10)}}, {Op: "apply", Reads: []Span{whole(2, 25)}}, {Op: "apply", Reads: []Span{whole(1, 10)}}},
			[]float64{12, 27, 2 + 5}},
		{"parameters are never there", []Launch{{Op: "sgd", Extra: 10e6}, {Op: "sgd", Extra: 10e6}}, []float64{12, 12}},
		{"convolutions by FLOPs and direction", []Launch{{Op: "conv", FLOPs: 4e9}, {Op: "dgrad", FLOPs: 4e9}, {Op: "wgrad", FLOPs: 4e9}}, []float64{3 + 10, 3 + 20, 3 + 40 + 1}},
		{"or by bytes", []Launch{{Op: "conv", FLOPs: 4e9, Reads: []Span{whole(0, 20)}}}, []float64{3 + 20}},
		{"with copies of operands", []Launch{{Op: "conv", FLOPs: 4e9, Packed: 5e6}}, []float64{3 + 10 + 2*2 + 10}},
		{"a cooperative launch", []Launch{{Op: "gradnorm", Extra: 4e6, Kernel: &Kernel{Blocks: 200, Threads: 256, Slots: 300, Meets: true, AtLeast: 2}}}, []float64{2 + 4 + 1 + 3 + 5}},
		{"what it reads again", []Launch{{Op: "gradnorm", Again: 40e6}}, []float64{2 + 10}},
		{"a reduction's last block", []Launch{{Op: "stats", Extra: 4e6, Kernel: &Kernel{Blocks: 300, Threads: 256, Slots: 300, AtLeast: 1}}}, []float64{2 + 4 + 1 + 3}},
	} {
		s := Predict(card, c.ls)
		sum := 0.0
		for i, cost := range s.Costs {
			sum += c.want[i]
			if math.Abs(cost.Time*1e6-c.want[i]) > 1e-6 {
				t.Errorf("%s: launch %d takes %.3f us, want %.3f", c.name, i, cost.Time*1e6, c.want[i])
			}
			if cost.Floor > cost.Time {
				t.Errorf("%s: launch %d is expected to be faster than its floor", c.name, i)
			}
		}
		if math.Abs(s.Time*1e6-sum) > 1e-6 || s.Slow < s.Time || s.Fast > s.Time {
			t.Errorf("%s: %v, slow %v, fast %v, want %v us", c.name, s.Time, s.Slow, s.Fast, sum)
		}
	}
}

// A programmatic launch costs less, where the card has them, and only behind a kernel of ours.
func TestOverlaps(t *testing.T) {
	apply, conv := Launch{Op: "apply", Extra: 3e6}, Launch{Op: "conv", FLOPs: 4e9}
	behind := apply
	behind.Overlaps = true
	stats := behind
	stats.Op, stats.Kernel = "stats", &Kernel{Blocks: 100, Threads: 256, Slots: 100, AtLeast: 1}
	ls := []Launch{apply, behind, stats, conv, apply}
	able := card
	able.Overlap = 1.25e-6
	s, without := Predict(able, ls), Predict(card, ls)
	if without.Overlapped != 0 || math.Abs(s.Time-without.Time) > 1e-12 || s.Overlaps != 2 {
		t.Errorf("%d overlap; without %v, with %v in place of %v", s.Overlaps, without.Overlapped, s.Time, without.Time)
	}
	if saved := (s.Time - s.Overlapped) * 1e6; math.Abs(saved-2*0.75) > 1e-6 {
		t.Errorf("two launches save %v us, want 1.5", saved)
	}
	if text := s.Text("t", 1); !strings.Contains(text, "let 2 kernels begin while a kernel of ours in front of them ends, for 1.2 us each in place of 2.0") {
		t.Error(text)
	}
	if text := without.Text("t", 1); strings.Contains(text, "programmatic") {
		t.Error(text)
	}
}

// Launches of two streams: fixed times overlap with everything, work shares the card.
func TestOverlap(t *testing.T) {
	conv := Launch{Op: "conv", FLOPs: 4e9}                    // 3 us fixed, 10 on all processors
	moves := Launch{Op: "apply", Reads: []Span{whole(0, 10)}} // 2 us fixed, 10 on all memory
	tally := Launch{Op: "tally"}                              // 2 us fixed
	on := func(l Launch, stream int, after ...int) Launch { l.Stream, l.After = stream, after; return l }
	for _, c := range []struct {
		name string
		ls   []Launch
		want float64   // us
		at   []float64 // beginnings, us
	}{
		{"one stream is a line", []Launch{conv, tally, conv}, 28, []float64{0, 13, 15}},
		{"an edge is one, too", []Launch{conv, on(tally, 1, 0), on(conv, 0, 1)}, 28, []float64{0, 13, 15}},
		{"what is fixed hides behind work", []Launch{conv, on(tally, 1), on(tally, 1), on(tally, 1)}, 13, []float64{0, 0, 2, 4}},
		{"two convolutions take the sum of their work", []Launch{conv, on(conv, 1)}, 23, []float64{0, 0}},
		// From 3 us on both work, at 1/(1+Busy) of their rates: 9 us of moving take 13.5, and the
		// last 1 of the convolution is alone.
		{"bytes move beside products", []Launch{conv, on(moves, 1)}, 3 + 13.5 + 1, []float64{0, 0}},
		{"the later waits for the slower", []Launch{conv, on(tally, 1), on(tally, 2, 0, 1)}, 15, []float64{0, 0, 13}},
	} {
		s := Predict(card, c.ls)
		if math.Abs(s.Time*1e6-c.want) > 1e-6 {
			t.Errorf("%s: %.3f us, want %.3f", c.name, s.Time*1e6, c.want)
		}
		if s.Line < s.Time-1e-12 {
			t.Errorf("%s: a line takes %v, streams %v", c.name, s.Line, s.Time)
		}
		for i, at := range c.at {
			if math.Abs(s.Costs[i].Start*1e6-at) > 1e-6 {
				t.Errorf("%s: launch %d begins at %.3f us, want %.3f", c.name, i, s.Costs[i].Start*1e6, at)
			}
		}
	}
}

// Lanes of a tensor come and go one by one.
func TestLanes(t *testing.T) {
	c := newCache(30e6)
	half := Span{Tensor: 1, First: 0, Lanes: 5, LaneBytes: 1e6}
	if hit := c.touch(half); hit != 0 {
		t.Errorf("the first touch hits %v", hit)
	}
	if hit := c.touch(Span{Tensor: 1, First: 3, Lanes: 5, LaneBytes: 1e6}); hit != 2e6 {
		t.Errorf("two lanes of five were there: %v", hit)
	}
	if hit := c.touch(half); hit != 5e6 {
		t.Errorf("the others stay: %v", hit)
	}
}

// A repeated launch finds its tensors in the cache if they fit.
func TestWarm(t *testing.T) {
	s := Predict(card, []Launch{{Op: "apply", Reads: []Span{whole(0, 20)}}, {Op: "apply", Reads: []Span{whole(1, 60)}}})
	if w := s.Costs[0].Warm * 1e6; math.Abs(w-(2+5)) > 1e-6 {
		t.Errorf("20 MB in a cache of 30: %v us", w)
	}
	if w := s.Costs[1].Warm * 1e6; math.Abs(w-(2+30)) > 1e-6 {
		t.Errorf("60 MB in a cache of 30: %v us, want half from memory", w)
	}
}

// The occupancy calculator's figures for compute capability 9.0.
func TestOccupancy(t *testing.T) {
	for _, c := range []struct{ threads, registers, shared, want int }{
		{256, 48, 0, 5}, {256, 80, 17 << 10, 3}, {256, 82, 0, 2}, {256, 128, 0, 2}, {256, 255, 0, 1}, {256, 32, 0, 8}, {32, 16, 0, 32}, {1024, 64, 0, 1}, {256, 32, 100 << 10, 2},
	} {
		k := &Kernel{Blocks: 600, Threads: c.threads, Registers: c.registers, Shared: c.shared, Compiled: true}
		s := Predict(card, []Launch{{Op: "apply", Kernel: k}})
		if have := s.Costs[0].PerSM; have != c.want {
			t.Errorf("%+v: %d blocks, want %d", c, have, c.want)
		}
		if have, want := s.Costs[0].Waves, 600/float64(100*c.want); have != want {
			t.Errorf("%+v: %v waves, want %v", c, have, want)
		}
	}
	if k := (&Kernel{Blocks: 1, Threads: 256, AtLeast: 2}); k.perSM(card) != 2 {
		t.Error("launch bounds are not believed")
	}
}

// Every card of the table is complete, and no assumption is better than the fact behind it.
func TestCards(t *testing.T) {
	for _, c := range Cards {
		if got, err := Find(c.Name); err != nil || got.Name != c.Name {
			t.Error(c.Name, err)
		}
		for _, v := range []float64{c.Memory, c.Cache, c.Kept, c.Launch, c.Call, c.Reduce, c.Merge, c.Slot, c.Meet, c.Busy, c.GHz, float64(c.SMs * c.Threads * c.Blocks * c.Shared)} {
			if v <= 0 {
				t.Errorf("%s: a number is missing: %+v", c.Name, c)
			}
		}
		if c.Busy > 1 || c.Memory >= c.MemoryPeak || c.Kept >= c.L2 || c.Conv[0] >= c.TensorPeak || c.Conv[1] > c.Conv[0] || c.Conv[2] > c.Conv[1] || c.Sources == "" || !strings.HasPrefix(c.Arch, "sm_") {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	if c, ok := Of("NVIDIA GeForce RTX 4090"); !ok || c.Name != "rtx4090" {
		t.Error(c.Name, ok)
	}
	if c, ok := Of("Tesla T4"); ok {
		t.Errorf("a T4 is taken for %s", c.Name)
	}
	if _, err := Find("h1000"); err == nil || !strings.Contains(err.Error(), "h100, h200") {
		t.Error(err)
	}
}

func TestOff(t *testing.T) {
	for _, c := range []struct {
		measured, expected float64
		want               bool
	}{{10, 10, false}, {13, 10, false}, {14, 10, true}, {7, 10, false}, {6, 10, true}} {
		if Off(c.measured, c.expected) != c.want {
			t.Errorf("%v for %v: want %v", c.measured, c.expected, c.want)
		}
	}
}
