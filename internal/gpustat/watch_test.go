package gpustat

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ears collects the events of a watcher.
type ears struct {
	mu     sync.Mutex
	events []Event
}

func (e *ears) hear(v Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, v)
}

// count returns how many samples of each card, gaps and losses were heard.
func (e *ears) count() (samples [2]int, gaps []Gap, losses []Lost) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range e.events {
		switch v := v.(type) {
		case Sample:
			samples[v.Card]++
		case Gap:
			gaps = append(gaps, v)
		case Lost:
			losses = append(losses, v)
		}
	}
	return
}

// until waits until enough reports that the ears have enough events.
func (e *ears) until(t *testing.T, enough func(samples [2]int) bool) {
	t.Helper()
	for range 1000 {
		if s, _, _ := e.count(); enough(s) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("not heard in ten seconds")
}

func TestWatch(t *testing.T) {
	d, _ := open(t, standIn, "0.fail.power=no-permission")
	var e ears
	w := Watch(cards(t, d, 2), 5*time.Millisecond, e.hear)
	e.until(t, func(s [2]int) bool { return s[0] >= 3 && s[1] >= 3 })
	for range 2 {
		if !w.Stop() {
			t.Error("Stop did not stop it")
		}
	}
	before, gaps, losses := e.count()
	time.Sleep(30 * time.Millisecond)
	if after, _, _ := e.count(); after != before {
		t.Error("samples after Stop")
	}
	if len(gaps) != 1 || gaps[0].Field != "power" || len(losses) != 0 {
		t.Errorf("gaps %v and losses %v, want one gap, told once", gaps, losses)
	}
	if _, first := e.events[0].(Gap); !first {
		t.Errorf("the first event is %T; want the gap before the sample that has it", e.events[0])
	}
}

func TestCardLostInMidRun(t *testing.T) {
	d, set := open(t, standIn, "")
	var e ears
	w := Watch(cards(t, d, 2), 5*time.Millisecond, e.hear)
	e.until(t, func(s [2]int) bool { return s[0] >= 2 && s[1] >= 2 })
	set("1.lost=0")
	time.Sleep(20 * time.Millisecond)
	s, _, _ := e.count()
	e.until(t, func(now [2]int) bool { return now[0] >= s[0]+3 })
	now, _, losses := e.count()
	if now[1] > s[1] {
		t.Error("samples of a lost card")
	}
	if len(losses) != 1 || losses[0].Card != 1 || !strings.Contains(losses[0].Reason, "lost") {
		t.Errorf("have losses %v, want one of card 1", losses)
	}
	// When no card is left, the watcher ends.
	set("lost=0")
	select {
	case <-w.Done():
	case <-time.After(10 * time.Second):
		t.Error("goes on without cards")
	}
	w.Stop()
}

// TestSlowDriver: a slow driver does not hold up the caller of Watch, and missed readings are left
// out.
func TestSlowDriver(t *testing.T) {
	d, _ := open(t, standIn, "0.delay=60; 1.delay=0")
	cs := cards(t, d, 2)
	var e ears
	from := time.Now()
	w := Watch(cs, time.Millisecond, e.hear)
	if took := time.Since(from); took > 50*time.Millisecond {
		t.Errorf("Watch took %v", took)
	}
	e.until(t, func(s [2]int) bool { return s[0] >= 3 })
	took := time.Since(from)
	w.Stop()
	if s, _, _ := e.count(); time.Duration(s[0]) > took/(60*time.Millisecond)+1 {
		t.Errorf("%d readings of 60 ms in %v", s[0], took)
	}
}

// TestDriverThatHangs: Stop does not wait for ever.
func TestDriverThatHangs(t *testing.T) {
	d, set := open(t, standIn, "")
	cs := cards(t, d, 2)
	set("delay=400")
	defer func(p time.Duration) { patience = p }(patience)
	patience = 20 * time.Millisecond
	w := Watch(cs, time.Millisecond, func(Event) {})
	if from := time.Now(); w.Stop() {
		t.Errorf("Stop waited %v for a reading of 400 ms", time.Since(from))
	}
	<-w.Done() // the end of this test closes the driver
}

func TestRing(t *testing.T) {
	r := NewRing(3)
	for i, want := range [][]Figure{{}, {0}, {0, 1}, {0, 1, 2}, {1, 2, 3}, {2, 3, 4}} {
		if have := r.Figures(); !slices.Equal(have, want) {
			t.Errorf("after %d: have %v, want %v", i, have, want)
		}
		r.Add(Figure(i))
	}
}
