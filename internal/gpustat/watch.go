package gpustat

import (
	"errors"
	"sync"
	"time"
)

// Watcher reads cards at equal intervals on a goroutine of its own.
type Watcher struct {
	stop, done chan struct{}
	once       sync.Once
}

// patience is how long Stop waits for a reading from which the driver does not return.
var patience = 2 * time.Second

// Watch reads every card now and then every interval, until Stop or until the last card is lost. It
// passes each Sample, Gap and Lost to hear, on the watcher's goroutine. The caller of Watch is
// never held up. If a reading takes longer than the interval, the readings that become due
// meanwhile are left out. The cards belong to the watcher until Stop returns.
func Watch(cards []*Card, interval time.Duration, hear func(Event)) *Watcher {
	w := &Watcher{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		t := time.NewTicker(interval)
		defer t.Stop()
		for left := Sweep(cards, hear); len(left) > 0; left = Sweep(left, hear) {
			select {
			case <-w.stop:
				return
			case <-t.C:
			}
			if w.stopped() { // both channels were ready
				return
			}
		}
	}()
	return w
}

func (w *Watcher) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// Sweep reads every card once, as Watch does, except the cards that were lost before. It returns
// the cards that are not lost now.
func Sweep(cards []*Card, hear func(Event)) []*Card {
	var left []*Card
	for _, c := range cards {
		if c.told {
			continue
		}
		said := len(c.gaps)
		s, err := c.Read(time.Now())
		for _, g := range c.gaps[said:] {
			hear(g)
		}
		if err != nil {
			c.Lost, c.told = true, true
			reason := err.Error()
			if e := (*Error)(nil); errors.As(err, &e) {
				reason = e.Detail
			}
			hear(Lost{Event: "lost", Time: s.Time, Card: c.Index, Reason: reason})
			continue
		}
		hear(s)
		left = append(left, c)
	}
	return left
}

// Done is closed when the watcher has ended, by Stop or because no card is left.
func (w *Watcher) Done() <-chan struct{} { return w.done }

// Stop ends the watcher. It returns when the current reading is over. false means that the driver
// does not return from that reading; the cards and the driver must then be left alone.
func (w *Watcher) Stop() bool {
	w.once.Do(func() { close(w.stop) })
	select {
	case <-w.done:
		return true
	case <-time.After(patience):
		return false
	}
}
