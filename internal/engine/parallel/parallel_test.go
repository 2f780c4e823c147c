package parallel

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"shake/internal/engine"
)

// Every rank makes the calls of rank 0 in its order; the state is that of one device.
func TestAllRanksDoTheSame(t *testing.T) {
	c := newCrew(t)
	p := c.compile(t)
	if i := p.Info(); i.Detail != "3 cards: toy" || !slices.Equal(i.Cards, []string{"0", "1", "2"}) {
		t.Errorf("info %+v", i)
	}
	for i := range 3 {
		if err := p.Step(engine.Step{Iteration: uint32(i), Index: []int32{int32(i), 5}}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := p.Metrics(true)
	if err != nil || m.Loss != 1.5 {
		t.Fatalf("%+v, %v", m, err)
	}
	if m, err = p.Eval(2, 9); err != nil || m.Images != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	if z, err := p.Logits(4, 5); err != nil || !slices.Equal(z, []float32{4}) {
		t.Fatalf("%v, %v", z, err)
	}
	ts, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range ts {
		names = append(names, x.Name)
	}
	if have := strings.Join(names, " "); have != "w replica0/mean replica1/mean replica2/mean engine/own" || ts[0].F32[0] != 18 || ts[3].F32[0] != 2 {
		t.Errorf("state %s: %v", have, ts)
	}
	ts[0].F32[0] = 42
	if err := p.SetState(ts); err != nil {
		t.Fatal(err)
	}
	if err := p.SetState([]engine.Tensor{{Name: "replica7/mean"}, {Name: "w", Shape: []int{2}, F32: []float32{1, 2}}}); err == nil ||
		!strings.Contains(err.Error(), "replica7/mean: the network has no such tensor") || !strings.Contains(err.Error(), "w: want shape [1], have [2]") {
		t.Errorf("a tensor that does not fit: %v", err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-c.served; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	}
	want := "step 0 [0 5]\nstep 1 [1 5]\nstep 2 [2 5]\nmetrics true\neval 2 9\nlogits 4 5\nset w\nset replicaR/mean\nset engine/own"
	for _, x := range c.toys {
		if have := strings.Join(x.calls, "\n"); have != strings.ReplaceAll(want, "R", fmt.Sprint(x.rank)) || x.w != 42 || !x.closed {
			t.Errorf("rank %d: w %g, closed %v, calls\n%s", x.rank, x.w, x.closed, have)
		}
	}
}

// A rank that has closed may end before the others have: none of them is lost.
func TestCloseInTurn(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.toys[2].last = 300 * time.Millisecond
	p := c.compile(t)
	if err := errors.Join(p.Close(), <-c.served, <-c.served); err != nil {
		t.Error(err)
	}
}

// Ranks whose metrics differ by a bit stop.
func TestDrift(t *testing.T) {
	c := newCrew(t)
	c.toys[2].drift = 1e-15
	p := c.compile(t)
	if _, err := p.Metrics(false); err == nil || !strings.Contains(err.Error(), "rank 2 (card 2) has the metrics") {
		t.Errorf("have %v", err)
	}
	if err := p.Step(engine.Step{}); err == nil {
		t.Error("a step after the drift")
	}
}

// The error of a rank, or its end, is the error of the call that waits, and names the rank.
func TestLostRank(t *testing.T) {
	for _, how := range []string{"error", "end", "device"} {
		t.Run(how, func(t *testing.T) {
			c := newCrew(t)
			c.toys[0].wait = make(chan struct{})
			want := "rank 1 (card 1) has ended, and the others with it: "
			switch how {
			case "error":
				c.toys[1].fail = errors.New("the card fell off")
				want += "the card fell off"
			case "end":
				c.Peers[0].Ended = func() string { return "process 7: signal: killed" }
				want += "process 7: signal: killed"
			case "device":
				c.toys[0].async = errors.New("remote process exited")
				want = "between the cards: remote process exited"
			}
			p := c.compile(t)
			from := time.Now()
			if how == "end" {
				time.AfterFunc(50*time.Millisecond, func() { c.theirs[0].Close() })
			}
			err := p.Step(engine.Step{Index: []int32{1}})
			if err == nil {
				_, err = p.Metrics(true)
			}
			if err == nil || err.Error() != want {
				t.Errorf("have %v, want %s", err, want)
			}
			if d := time.Since(from); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
			p.Close()
			for range 2 {
				if err := <-c.served; err == nil {
					t.Error("another rank ended well")
				}
			}
		})
	}
}

// A rank that says nothing is lost after six beats, as a stopped process is.
func TestSilentRank(t *testing.T) {
	ours, _ := pair(t)
	g := newGroup(&Backend{beat: 20 * time.Millisecond, Peers: []*Peer{{Rank: 3, Conn: ours}}})
	g.compiled.Store(true)
	if !g.gone(10 * time.Second) {
		t.Fatal("nobody missed it")
	}
	if err := g.reason(); err == nil || err.Error() != "rank 3 has ended, and the others with it: nothing was heard of it for 120ms" {
		t.Errorf("have %v", err)
	}
}

// A rank 0 that reads its data for long is not gone, whether its beats have begun or not; it is
// once its connection ends, or once its beats had begun and stop.
func TestSlowLoad(t *testing.T) {
	t.Parallel()
	const short = 50 * time.Millisecond
	begin := func(first func(net.Conn)) (ours net.Conn, served chan error) {
		ours, theirs := pair(t)
		w := NewWorker(theirs, func(_, _ []byte, _ <-chan struct{}) (engine.Program, error) { return &toy{rank: 1}, nil })
		w.beat, served = short, make(chan error, 1)
		go func() { served <- w.Serve() }()
		first(ours)
		select {
		case err := <-served:
			t.Fatalf("rank 1 ends while rank 0 loads: %v", err)
		case <-time.After(3 * silent * short):
		}
		return ours, served
	}
	var b *Backend
	backend := func(ours net.Conn) {
		b = &Backend{beat: short, Peers: []*Peer{{Rank: 1, Conn: ours}}}
		b.Local = func(<-chan struct{}) (engine.Backend, []byte, error) { return toyBackend{&toy{}}, nil, nil }
	}
	nothing := func(net.Conn) {}
	for name, first := range map[string]func(net.Conn){
		"nothing before": nothing,
		"beats before":   func(c net.Conn) { backend(c); b.Begin() },
	} {
		ours, served := begin(first)
		if b == nil || b.Peers[0].Conn != ours {
			backend(ours)
		}
		p, err := b.Compile(nil, engine.Config{})
		if err == nil {
			err = p.Close()
		}
		if err := errors.Join(err, <-served); err != nil {
			t.Errorf("%s: after a slow load: %v", name, err)
		}
	}
	for name, end := range map[string]func(net.Conn){
		"it ends":     func(c net.Conn) { c.Close() },
		"it is still": func(c net.Conn) { newLine(c).send(request{Op: opBeat}) },
	} {
		ours, served := begin(nothing)
		end(ours)
		select {
		case err := <-served:
			if !errors.Is(err, ErrLeft) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s: rank 1 does not notice", name)
		}
	}
}

// Beats begin before Compile: a rank that falls silent while rank 0 reads its data is named, and
// one that has not begun yet is not, until Compile waits for it.
func TestSilentWhileLoading(t *testing.T) {
	t.Parallel()
	const short = 50 * time.Millisecond
	for _, says := range []bool{true, false} {
		ours, theirs := pair(t)
		b := &Backend{beat: short, Peers: []*Peer{{Rank: 1, Conn: ours}}}
		b.Local = func(<-chan struct{}) (engine.Backend, []byte, error) { return toyBackend{&toy{}}, nil, nil }
		b.Begin()
		if says {
			newLine(theirs).send(answer{Op: opCard})
		}
		if gone := b.group.gone(3 * silent * short); gone != says {
			t.Errorf("a rank that has spoken %v: it is gone %v", says, gone)
		}
		if _, err := b.Compile(nil, engine.Config{}); err == nil || err.Error() != "rank 1 has ended, and the others with it: nothing was heard of it for 300ms" {
			t.Errorf("a rank that has spoken %v: %v", says, err)
		}
		b.End()
		b.End()
	}
}

// Two ranks on one card end before a program is made; ranks whose cards are not known go on.
func TestOneCardTwice(t *testing.T) {
	for _, c := range []struct {
		cards [3]string
		want  string
	}{
		{[3]string{"a", "b", "b"}, "rank 2 takes the card of rank 1, b: start as many"},
		{[3]string{"a", "b", "a"}, "rank 2 takes the card of rank 0, a: start as many"},
		{[3]string{"a", "b", "c"}, ""},
		{[3]string{"", "", ""}, ""},
	} {
		b := &Backend{Card: c.cards[0]}
		b.Local = func(<-chan struct{}) (engine.Backend, []byte, error) { return toyBackend{&toy{}}, nil, nil }
		var made atomic.Int32
		served := make(chan error, 2)
		for rank := 1; rank < 3; rank++ {
			ours, theirs := pair(t)
			b.Peers = append(b.Peers, &Peer{Rank: rank, Conn: ours})
			w := NewWorker(theirs, func(_, _ []byte, _ <-chan struct{}) (engine.Program, error) {
				made.Add(1)
				return &toy{rank: rank}, nil
			})
			w.Card = func() string { return c.cards[rank] }
			go func() { served <- w.Serve() }()
		}
		p, err := b.Compile(nil, engine.Config{})
		if c.want == "" {
			if err == nil {
				err = p.Close()
			}
			if err != nil {
				t.Errorf("%q: %v", c.cards, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) || made.Load() != 0 {
			t.Errorf("%q: have %v, want %s, with %d programs", c.cards, err, c.want, made.Load())
		}
		for range 2 {
			<-served
		}
	}
}

// A rank that cannot open its program ends the run before it begins.
func TestRefused(t *testing.T) {
	c := newCrew(t)
	c.Hello = []byte("another")
	if _, err := c.Compile(nil, engine.Config{}); err == nil || !strings.Contains(err.Error(), `have "another"`) {
		t.Errorf("have %v", err)
	}
}

// A worker asks rank 0 to stop, or for a checkpoint.
func TestSignals(t *testing.T) {
	ours, theirs := pair(t)
	var mu sync.Mutex
	var said bytes.Buffer
	b := &Backend{Peers: []*Peer{{Rank: 1, Conn: ours}}, Stop: func(rank int, s string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprint(&said, rank, s)
	}, Save: func() {
		mu.Lock()
		defer mu.Unlock()
		said.WriteString("save")
	}}
	b.Begin()
	defer b.End()
	w := NewWorker(theirs, nil)
	w.AskSave()
	w.AskStop("signal 15")
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		mu.Lock()
		s := said.String()
		mu.Unlock()
		if s == "save1signal 15" {
			return
		}
	}
	t.Errorf("heard %q", said.String())
}
