package parallel

import (
	"strings"
	"testing"
	"time"

	"shake/internal/engine"
	"shake/internal/graph"
)

// A rank hangs that stands still, behind another one, for its patience; not one that is ahead or
// level, that prepares something, or whose first passes take long.
func TestHanging(t *testing.T) {
	const pass = 1 << 32
	see := func(p *pace, times int, s standing, busy bool) {
		for range times {
			p.see(s, busy)
		}
	}
	for _, c := range []struct {
		name string
		do   func(a, b *pace)
		want int
	}{
		{"the other is ahead", func(a, b *pace) {
			see(a, silent+1, standing{9*pass + 2, 1}, false)
			see(b, silent+1, standing{9*pass + 1, 1}, false)
		}, 1},
		{"a moment before", func(a, b *pace) {
			see(a, silent, standing{9*pass + 2, 1}, false)
			see(b, silent, standing{9*pass + 1, 1}, false)
		}, -1},
		{"it does not answer", func(a, b *pace) {
			see(a, silent+1, standing{9 * pass, 4}, false)
			see(b, silent+1, standing{9 * pass, 5}, false)
		}, 0},
		{"level", func(a, b *pace) {
			see(a, 100, standing{9 * pass, 4}, false)
			see(b, 100, standing{9 * pass, 4}, false)
		}, -1},
		{"at work", func(a, b *pace) {
			see(a, 100, standing{9 * pass, 4}, true)
			see(b, 100, standing{9*pass + 1, 4}, false)
		}, -1},
		{"one that moves", func(a, b *pace) {
			for i := range 100 {
				a.see(standing{uint64(9*pass + i), 4}, false)
				b.see(standing{20 * pass, 4}, false)
			}
		}, -1},
		{"first passes", func(a, b *pace) {
			see(a, 5*silent, standing{pass, 1}, false)
			see(b, 5*silent, standing{2 * pass, 1}, false)
		}, -1},
		{"no passes, for ever", func(a, b *pace) {
			see(a, 10*silent+1, standing{pass, 1}, false)
			see(b, 10*silent+1, standing{2 * pass, 1}, false)
		}, 0},
		{"used to long steps", func(a, b *pace) {
			see(a, 4, standing{9 * pass, 1}, false)
			see(a, 4*3, standing{10 * pass, 1}, false)
			see(b, 1, standing{11 * pass, 1}, false)
		}, -1},
	} {
		ranks := make([]pace, 2)
		c.do(&ranks[0], &ranks[1])
		if have := hanging(ranks); have != c.want {
			t.Errorf("%s: rank %d hangs, want %d: %+v", c.name, have, c.want, ranks)
		}
	}
}

// slow is a toy whose device tells how far it has come.
type slow struct {
	*toy
	at uint64
}

func (p slow) Reached() (uint64, bool) { return p.at, false }

// A rank whose device hangs while its process lives ends the call of the others, with its name. Its
// own calls, which nothing ends, are left, on rank 0 as on another one.
func TestHangingDevice(t *testing.T) {
	for hung := range 2 {
		ours, theirs := pair(t)
		toys := []*toy{{rank: 0}, {rank: 1}}
		toys[hung].wait = make(chan struct{}) // never closed
		at := [2]uint64{9<<32 + 2, 9<<32 + 2}
		at[hung]--
		b := &Backend{beat: 50 * time.Millisecond, Peers: []*Peer{{Rank: 1, Name: "card 1", Conn: ours}}}
		b.Local = func(<-chan struct{}) (engine.Backend, []byte, error) {
			return slowBackend{slow{toys[0], at[0]}}, nil, nil
		}
		w := NewWorker(theirs, func(_, _ []byte, _ <-chan struct{}) (engine.Program, error) { return slow{toys[1], at[1]}, nil })
		w.beat = 50 * time.Millisecond
		served := make(chan error, 1)
		go func() { served <- w.Serve() }()
		p, err := b.Compile(nil, engine.Config{})
		if err != nil {
			t.Fatal(err)
		}
		from := time.Now()
		_, err = p.Metrics(true)
		want := []string{"rank 0 has ended", "rank 1 (card 1) has ended"}[hung]
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "its card has finished nothing for") {
			t.Errorf("rank %d: %v", hung, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err == nil {
			t.Error("rank 1 ended well")
		}
		if d := time.Since(from); d > 8*time.Second {
			t.Errorf("it took %v", d)
		}
		if toys[hung].closed {
			t.Error("a program that is stuck was closed")
		}
	}
}

type slowBackend struct{ p slow }

func (slowBackend) Name() string { return "slow" }

func (b slowBackend) Compile(*graph.Graph, engine.Config) (engine.Program, error) { return b.p, nil }
