package parallel

import (
	"fmt"
	"time"
)

// standing is how far a rank has come: its device, and the calls that it has made.
type standing struct {
	at    uint64
	calls int32
}

func (s standing) behind(t standing) bool {
	return s.at < t.at || s.at == t.at && s.calls < t.calls
}

// sight is a rank at a beat.
type sight struct {
	standing
	work uint64
}

// pace watches one rank from beat to beat. Beats at which it waits for another one do not count.
type pace struct {
	last  sight
	still int // beats without anything new
	// The most beats that one thing took: of the host's work, and of the device's.
	host, device int
}

// see takes in a beat.
func (p *pace) see(s sight, waits bool) {
	if s == p.last {
		if !waits {
			p.still++
		}
		return
	}
	if p.last.work != 0 {
		p.host = max(p.host, p.still)
	} else if s.standing != p.last.standing {
		p.device = max(p.device, p.still)
	}
	p.last, p.still = s, 0
}

// rest ends the pause: there is nothing to do.
func (p *pace) rest() { p.still = 0 }

// loading is the number of beats that a call of the host may take: libraries load their code, from
// a file system that may be slow, and connect.
const loading = 10 * silent

// hanging is the rank that does nothing while the others have come farther; -1: none. A device may
// compute for six beats, or four times as many as any rank ever took from one exchange to the next:
// all have like shares, from the first pass on. A host may work at one thing for loading, or four
// times as long as any rank did at one.
func hanging(ranks []pace) int {
	var farthest standing
	host, device := 0, 0
	for _, p := range ranks {
		if farthest.behind(p.last.standing) {
			farthest = p.last.standing
		}
		host, device = max(host, p.host), max(device, p.device)
	}
	for i, p := range ranks {
		patience := max(silent, 4*device)
		if p.last.work != 0 {
			patience = max(loading, 4*host)
		}
		if p.last.behind(farthest) && p.still >= patience {
			return i
		}
	}
	return -1
}

// exchanging is the number of beats that all devices together may stand still.
const exchanging = 100 * silent

// stuck tells whether all devices have come equally far and none goes on: an exchange between them
// does not end.
func stuck(ranks []pace) bool {
	for _, p := range ranks {
		if p.last.work != 0 || p.last.standing != ranks[0].last.standing || p.still < max(exchanging, 4*p.device) {
			return false
		}
	}
	return true
}

// observe takes in a beat of all ranks and returns the one that hangs; -1: none.
func observe(ranks []pace, seen []sight) int {
	for i := range ranks {
		waits := false
		for _, other := range seen {
			waits = waits || other.behind(seen[i].standing)
		}
		ranks[i].see(seen[i], waits)
	}
	return hanging(ranks)
}

// keepPace looks, once a beat, for a rank whose device hangs while its process is alive, and for an
// exchange in which all hang. Between calls, when no device has anything to do, none hangs.
func (g *group) keepPace(own func() (at, work uint64)) {
	ranks, seen := make([]pace, 1+len(g.peers)), make([]sight, 1+len(g.peers))
	go g.eachBeat(func() {
		at, work := own()
		seen[0] = sight{standing{at, g.calls.Load()}, work}
		for i, p := range g.peers {
			seen[i+1] = sight{standing{p.at.Load(), p.calls.Load()}, p.work.Load()}
		}
		i := observe(ranks, seen)
		if g.calling.Load() == 0 {
			for i := range ranks {
				ranks[i].rest()
			}
			return
		}
		if i < 0 {
			if stuck(ranks) {
				g.fail(nil, fmt.Errorf("between the cards: no card has finished anything for %v: an exchange that does not end (with NCCL_DEBUG=INFO in its environment NCCL says what it does)", time.Duration(ranks[0].still)*g.beat))
			}
			return
		}
		err := fmt.Errorf("its card has finished nothing for %v, and the others wait for it: a kernel that does not end, or a card that no longer answers", time.Duration(ranks[i].still)*g.beat)
		if seen[i].work != 0 {
			err = fmt.Errorf("a call of a library has not ended for %v, and the others wait for it: a card that no longer answers, or a file system", time.Duration(ranks[i].still)*g.beat)
		}
		if i > 0 {
			g.fail(g.peers[i-1], err)
		} else {
			g.fail(nil, &LostError{"rank 0", err.Error()})
		}
	})
}
