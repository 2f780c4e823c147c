package gpu

import (
	"fmt"
	"time"
)

// progressEvery is the time between two lines about the progress of a first start.
var progressEvery = 5 * time.Second

// counter counts pieces of slow work, and reports now and then how many of all are done. format has
// both numbers.
func (p *program) counter(format string, all int) (one func()) {
	done, next := 0, time.Now().Add(progressEvery)
	return func() {
		p.backend.Group.did()
		done++
		if now := time.Now(); !now.Before(next) && done < all {
			next = now.Add(progressEvery)
			p.say(fmt.Sprintf(format, done, all))
		}
	}
}

// shapes is the number of distinct convolutions of a step.
func (p *program) shapes() int {
	keys := map[string]bool{}
	for _, o := range p.list.Ops {
		if c := p.list.convolution(o, p.cfg.Batch, p.precision); c != nil {
			keys[c.key()] = true
		}
	}
	return len(keys)
}
