package parallel

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"shake/internal/engine"
)

// Peer is another rank, as rank 0 sees it.
type Peer struct {
	Rank int
	Name string // where it is, for errors: "card 1" or "host node7"; may be empty
	Conn net.Conn
	// Ended waits a moment for the end of the rank's process and returns its last words, such as
	// "signal: killed". nil: not known here.
	Ended func() string

	line    *line
	answers chan answer
	card    chan string  // its first word
	missed  atomic.Int32 // beats since its last word
	heard   atomic.Bool  // its beats have begun
	closed  atomic.Bool  // it has answered to opClose, and may end
	at      atomic.Uint64
	work    atomic.Uint64
	calls   atomic.Int32 // answered
}

func (p *Peer) String() string {
	if p.Name == "" {
		return fmt.Sprintf("rank %d", p.Rank)
	}
	return fmt.Sprintf("rank %d (%s)", p.Rank, p.Name)
}

// LostError says that a rank cannot go on, so that no rank can.
type LostError struct {
	Peer  string // "rank 1 (card 1)"
	Words string // its last ones, or a word for its end
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s has ended, and the others with it: %s", e.Peer, e.Words)
}

// group is the connections to all other ranks.
type group struct {
	b     *Backend
	beat  time.Duration
	peers []*Peer
	lost  chan struct{} // closed at the first failure
	ended chan struct{} // closed at an end in good order
	over  sync.Once     // closes ended

	compiled atomic.Bool // a peer that has said nothing yet is silent

	calling atomic.Int32 // calls under way
	calls   atomic.Int32 // made here

	mu  sync.Mutex
	err error // the first failure
}

func newGroup(b *Backend) *group {
	g := &group{b: b, beat: cmp.Or(b.beat, beat), peers: b.Peers, lost: make(chan struct{}), ended: make(chan struct{})}
	for _, p := range g.peers {
		p.line, p.answers, p.card = newLine(p.Conn), make(chan answer, 1), make(chan string, 1)
		go g.hear(p)
		go p.line.send(request{Op: opBeat})
	}
	go g.beats()
	return g
}

// reason is the first failure, or nil.
func (g *group) reason() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// gone waits so long for a failure.
func (g *group) gone(d time.Duration) bool {
	select {
	case <-g.lost:
		return true
	case <-time.After(d):
		return false
	}
}

// fail records the first failure, of a peer or (nil) of rank 0, and stops everything that waits.
func (g *group) fail(p *Peer, err error) {
	select {
	case <-g.ended:
		return
	default:
	}
	if p != nil {
		words := err.Error()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isClosed(err) {
			words = "its connection ended without a word"
			if p.Ended != nil {
				if s := p.Ended(); s != "" {
					words = s
				}
			}
		}
		err = &LostError{p.String(), words}
	}
	g.mu.Lock()
	first := g.err == nil
	if first {
		g.err = err
	}
	g.mu.Unlock()
	if first {
		close(g.lost)
		hangUp(g.peers)
	}
}

func isClosed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, net.ErrClosed)
}

func hangUp(peers []*Peer) {
	for _, p := range peers {
		p.Conn.Close()
	}
}

// hear takes in a peer's messages.
func (g *group) hear(p *Peer) {
	for {
		var a answer
		if err := p.line.dec.Decode(&a); err != nil {
			g.fail(p, err)
			return
		}
		p.missed.Store(0)
		p.heard.Store(true)
		switch {
		case a.Failed != "":
			g.fail(p, errors.New(a.Failed))
			return
		case a.Stop != "":
			if g.b.Stop != nil {
				g.b.Stop(p.Rank, a.Stop)
			}
		case a.Save:
			if g.b.Save != nil {
				g.b.Save()
			}
		case a.Op == opCard:
			select {
			case p.card <- a.Card:
			default: // once is enough
			}
		case a.Op == opBeat:
			p.at.Store(a.At)
			p.work.Store(a.Work)
		default:
			p.calls.Add(1)
			select {
			case p.answers <- a:
			case <-g.lost:
				return
			}
			if a.Op == opClose {
				p.closed.Store(true)
				return
			}
		}
	}
}

// apart waits for the cards of all ranks. Two ranks on one card are an error: NCCL would say so
// later, with neither's name.
func (g *group) apart(own string) error {
	ranks := map[string]int{own: 0}
	for _, p := range g.peers {
		select {
		case card := <-p.card:
			if r, ok := ranks[card]; ok && card != "" {
				return fmt.Errorf("rank %d takes the card of rank %d, %s: start as many processes as there are cards, each with one of its own", p.Rank, r, card)
			}
			ranks[card] = p.Rank
		case <-g.lost:
			return g.reason()
		}
	}
	return nil
}

// beats sends signs of life and counts the ones that do not come. Before Compile a peer may need
// its time to begin.
func (g *group) beats() {
	g.eachBeat(func() {
		for _, p := range g.peers {
			if p.closed.Load() {
				continue
			}
			if (p.heard.Load() || g.compiled.Load()) && p.missed.Add(1) > silent {
				g.fail(p, fmt.Errorf("nothing was heard of it for %v", silent*g.beat))
			}
			go p.line.send(request{Op: opBeat}) // a stopped peer does not hold the others up
		}
	})
}

// eachBeat calls f once a beat until the group is lost or has ended.
func (g *group) eachBeat(f func()) {
	t := time.NewTicker(g.beat)
	defer t.Stop()
	for {
		select {
		case <-g.lost:
			return
		case <-g.ended:
			return
		case <-t.C:
		}
		f()
	}
}

// watch looks for faults between the devices.
func (g *group) watch(p engine.Program) {
	a, ok := p.(interface{ AsyncError() error })
	if !ok {
		return
	}
	go g.eachBeat(func() {
		// A rank that died is known by its connection too, with more to say.
		if err := a.AsyncError(); err != nil && !g.gone(g.beat) {
			g.fail(nil, fmt.Errorf("between the cards: %w", err))
		}
	})
}
