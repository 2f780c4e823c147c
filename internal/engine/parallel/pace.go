package parallel

import (
	"fmt"
	"time"
)

// reacher is a program that tells how far its device has come: a number that grows as long as it
// computes and is greater than that of another rank's device for which it waits. working says that
// the host prepares something, so that the device may stand still. It may be called from any
// goroutine.
type reacher interface {
	Reached() (at uint64, working bool)
}

// standing is how far a rank has come: its device, and the calls that it has made.
type standing struct {
	at    uint64
	calls int32
}

func (s standing) behind(t standing) bool {
	return s.at < t.at || s.at == t.at && s.calls < t.calls
}

// pace watches one rank from beat to beat.
type pace struct {
	last    standing
	still   int // beats without anything new
	longest int // the most of a pause that ended
}

// see takes in a beat.
func (p *pace) see(s standing, busy bool) {
	if s == p.last && !busy {
		p.still++
		return
	}
	if !busy {
		p.longest = max(p.longest, p.still)
	}
	p.last, p.still = s, 0
}

// early is the number of passes in which a device may take its time: code is loaded.
const early = 3

// patience is the number of beats after which a device that others wait for hangs.
func (p *pace) patience() int {
	if p.last.at>>32 < early {
		return 10 * silent
	}
	return max(silent, 4*p.longest)
}

// hanging is the rank whose device does nothing while the others have come farther; -1: none.
func hanging(ranks []pace) int {
	var farthest standing
	for _, p := range ranks {
		if farthest.behind(p.last) {
			farthest = p.last
		}
	}
	for i, p := range ranks {
		if p.last.behind(farthest) && p.still >= p.patience() {
			return i
		}
	}
	return -1
}

// keepPace looks, once a beat, for a rank whose device hangs while its process is alive. Between
// calls, when no device has anything to do, none hangs.
func (g *group) keepPace(own reacher) {
	ranks := make([]pace, 1+len(g.peers))
	go g.eachBeat(func() {
		idle := g.calling.Load() == 0
		at, working := own.Reached()
		ranks[0].see(standing{at, g.calls.Load()}, working || idle)
		for i, p := range g.peers {
			ranks[i+1].see(standing{p.at.Load(), p.calls.Load()}, p.working.Load() || idle)
		}
		i := hanging(ranks)
		if i < 0 {
			return
		}
		err := fmt.Errorf("its card has finished nothing for %v, and the others wait for it: a kernel that does not end, or a card that no longer answers", time.Duration(ranks[i].still)*g.beat)
		if i > 0 {
			g.fail(g.peers[i-1], err)
		} else {
			g.fail(nil, &LostError{"rank 0", err.Error()})
		}
	})
}
