package parallel

import (
	"strings"
	"testing"
	"time"

	"shake/internal/engine"
)

// A rank hangs that stands still, behind another one, for longer than any rank's work explains; not
// one that is ahead or level, or whose host prepares something.
func TestHanging(t *testing.T) {
	const pass = 1 << 32
	// at is so many beats of two ranks: how far they have come, and the work of their hosts.
	type at struct {
		beats      int
		a, b       standing
		doA, doB   uint64
		eachWorkB  bool // b's host prepares another thing at each beat
		eachPassed bool // b comes farther at each beat
	}
	for _, c := range []struct {
		name string
		seen []at
		want int
	}{
		{"behind", []at{{beats: 1 + silent, a: standing{9*pass + 2, 1}, b: standing{9*pass + 1, 1}}}, 1},
		{"a moment before", []at{{beats: silent, a: standing{9*pass + 2, 1}, b: standing{9*pass + 1, 1}}}, -1},
		{"in the first pass", []at{{beats: 1 + silent, a: standing{0, 1}, b: standing{pass + 1, 1}}}, 0},
		{"it does not answer", []at{{beats: 1 + silent, a: standing{9 * pass, 4}, b: standing{9 * pass, 5}}}, 0},
		{"level", []at{{beats: 1000, a: standing{9 * pass, 4}, b: standing{9 * pass, 4}}}, -1},
		{"one that moves", []at{{beats: 1000, a: standing{2000 * pass, 4}, b: standing{9 * pass, 4}, eachPassed: true}}, -1},
		{"the first pass takes long on both", []at{
			{beats: 21, a: standing{0, 1}, b: standing{0, 1}},
			{beats: 59, a: standing{pass + 1, 1}, b: standing{0, 1}},
		}, -1},
		{"four times as long as the other one", []at{
			{beats: 21, a: standing{0, 1}, b: standing{0, 1}},
			{beats: 60, a: standing{pass + 1, 1}, b: standing{0, 1}},
		}, 1},
		{"long steps before", []at{
			{beats: 5, a: standing{9 * pass, 1}, b: standing{9 * pass, 1}},
			{beats: 4 * 4, a: standing{10 * pass, 1}, b: standing{11 * pass, 1}},
		}, -1},
		{"a wait for another one is no step", []at{
			{beats: 100, a: standing{9 * pass, 1}, b: standing{8 * pass, 1}, doB: 1, eachWorkB: true},
			{beats: 1, a: standing{9 * pass, 1}, b: standing{9 * pass, 1}},
			{beats: silent - 1, a: standing{9 * pass, 1}, b: standing{10 * pass, 1}},
		}, 0},
		{"its host loads code, kernel by kernel", []at{{beats: 1000, a: standing{pass + 1, 1}, b: standing{0, 1}, doB: 1, eachWorkB: true}}, -1},
		{"its host loads one for long", []at{{beats: loading, a: standing{pass + 1, 1}, b: standing{0, 1}, doB: 1}}, -1},
		{"a call of its host does not end", []at{{beats: 1 + loading, a: standing{pass + 1, 1}, b: standing{0, 1}, doB: 1}}, 1},
		{"a call of its host does not end, and the other one has made many", []at{
			{beats: 400, a: standing{0, 1}, b: standing{0, 1}, doA: 7, doB: 1, eachWorkB: true},
			{beats: 1, a: standing{0, 1}, b: standing{pass + 1, 1}, doA: 7},
		}, 0},
		{"it computes behind its host's call, as long as the other one did", []at{
			{beats: 100, a: standing{0, 1}, b: standing{0, 1}, doA: 7, doB: 7},
			{beats: 200, a: standing{pass + 1, 1}, b: standing{0, 1}, doA: 7, doB: 7},
		}, -1},
		{"its device, once its host has loaded the code", []at{
			{beats: 50, a: standing{pass + 1, 1}, b: standing{0, 1}, doB: 1, eachWorkB: true},
			{beats: 1 + silent, a: standing{pass + 1, 1}, b: standing{0, 1}},
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ranks := make([]pace, 2)
			have, last := -1, 0
			for i, s := range c.seen {
				last = i
				for n := range s.beats {
					a, b := sight{s.a, s.doA}, sight{s.b, s.doB}
					if s.eachWorkB {
						b.work += uint64(n)
					}
					if s.eachPassed {
						b.at += uint64(n) * pass
					}
					if have = observe(ranks, []sight{a, b}); have >= 0 && n+1 < s.beats {
						t.Fatalf("rank %d hangs at beat %d of %d", have, n+1, i)
					}
				}
			}
			if have != c.want || last != len(c.seen)-1 {
				t.Errorf("rank %d hangs, want %d: %+v", have, c.want, ranks)
			}
		})
	}
}

// An exchange that no device leaves is noticed after a hundred times as long as one rank's hang, or
// four times as long as any device took before; not while a host works or a rank is behind.
func TestStuck(t *testing.T) {
	at := standing{9 << 32, 1}
	for _, c := range []struct {
		name string
		a, b pace
		want bool
	}{
		{"all", pace{last: sight{at, 0}, still: exchanging}, pace{last: sight{at, 0}, still: exchanging}, true},
		{"a moment before", pace{last: sight{at, 0}, still: exchanging}, pace{last: sight{at, 0}, still: exchanging - 1}, false},
		{"a host works", pace{last: sight{at, 0}, still: exchanging}, pace{last: sight{at, 3}, still: exchanging}, false},
		{"one is behind", pace{last: sight{at, 0}, still: exchanging}, pace{last: sight{standing{8 << 32, 1}, 0}, still: exchanging}, false},
		{"long passes", pace{last: sight{at, 0}, still: exchanging, device: exchanging / 3}, pace{last: sight{at, 0}, still: exchanging, device: exchanging / 3}, false},
	} {
		if have := stuck([]pace{c.a, c.b}); have != c.want {
			t.Errorf("%s: stuck %t, want %t", c.name, have, c.want)
		}
	}
}

// A rank whose device hangs while its process lives ends the call of the others, with its name, in
// the first pass as in a later one. Its own calls, which nothing ends, are left, on rank 0 as on
// another one.
func TestHangingDevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		hung      int
		compiling bool
		at, work  uint64 // of the one that hangs
		want      string
	}{
		{"rank 0 as it compiles", 0, true, 1, 0, "rank 0 has ended, and the others with it: its card has finished nothing for 300ms"},
		{"rank 1 as it compiles", 1, true, 1, 0, "rank 1 (card 1) has ended, and the others with it: its card has finished nothing for 300ms"},
		{"rank 0", 0, false, 9<<32 + 1, 0, "rank 0 has ended, and the others with it: its card has finished nothing for 300ms"},
		{"rank 1", 1, false, 9<<32 + 1, 0, "rank 1 (card 1) has ended, and the others with it: its card has finished nothing for 300ms"},
		{"rank 1 in the first pass", 1, false, 0, 0, "rank 1 (card 1) has ended, and the others with it: its card has finished nothing for 300ms"},
		{"rank 1 in a call of a library", 1, false, 0, 5, "rank 1 (card 1) has ended, and the others with it: a call of a library has not ended for 3s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := pair(t)
			toys := []*toy{{rank: 0}, {rank: 1}}
			reached := func(rank int) func() (at, work uint64) {
				if rank == c.hung {
					return func() (at, work uint64) { return c.at, c.work }
				}
				return func() (at, work uint64) { return 9<<32 + 2, 0 }
			}
			never := make(chan struct{})
			if c.compiling {
				toys[c.hung].slow = never
			} else {
				toys[c.hung].wait = never
			}
			b := &Backend{beat: 50 * time.Millisecond, Peers: []*Peer{{Rank: 1, Name: "card 1", Conn: ours}}, Reached: reached(0)}
			b.Local = func(<-chan struct{}) (engine.Backend, []byte, error) { return toyBackend{toys[0]}, nil, nil }
			w := NewWorker(theirs, func(_, _ []byte, _ <-chan struct{}) (engine.Program, error) {
				return toyBackend{toys[1]}.Compile(nil, engine.Config{})
			})
			w.beat, w.Reached = 50*time.Millisecond, reached(1)
			served := make(chan error, 1)
			go func() { served <- w.Serve() }()
			from := time.Now()
			p, err := b.Compile(nil, engine.Config{})
			if err == nil {
				_, err = p.Metrics(true)
				if bad := p.Close(); bad != nil {
					t.Error(bad)
				}
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || (p == nil) != c.compiling {
				t.Errorf("have %v, want %s", err, c.want)
			}
			if err := <-served; err == nil {
				t.Error("rank 1 ended well")
			}
			if d := time.Since(from); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
			if toys[c.hung].closed {
				t.Error("a program that is stuck was closed")
			}
		})
	}
}
