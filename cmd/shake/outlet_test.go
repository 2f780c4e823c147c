package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"shake/internal/train"
)

// still is a reader that stands still until it is woken.
type still struct {
	wake chan struct{}
	bytes.Buffer
}

func (s *still) Write(b []byte) (int, error) {
	<-s.wake
	return s.Buffer.Write(b)
}

// TestLateReader: to a reader of events that stands still nothing is written, in the end, and it is
// told how many events it missed; none waits for it.
func TestLateReader(t *testing.T) {
	s := &still{wake: make(chan struct{})}
	e := newEvents(s)
	e.Start(train.Decisions{Name: "n"})
	large := strings.Repeat("x", lost/4)
	for range 4 {
		e.Notice(large)
	}
	for i := range 7 {
		e.Step(train.StepRecord{Step: i})
	}
	e.Progress(somewhere) // a progress without a reader is not missed
	close(s.wake)
	if err := e.flush(nil); err != nil {
		t.Fatal(err)
	}
	e.Step(train.StepRecord{Step: 7})
	e.Progress(somewhere)
	if err := e.flush(nil); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(s.String(), "\n")
	tail := lines[len(lines)-4:]
	if tail[0] != `{"event":"dropped","events":7}` || !strings.Contains(tail[1], `"step":7`) || !strings.Contains(tail[2], `"event":"progress"`) || tail[3] != "" {
		t.Errorf("the last lines are %.200q", tail)
	}
}

// TestLateScreen: lasting lines wait for a reader up to a limit, live ones do not wait.
func TestLateScreen(t *testing.T) {
	s := &still{wake: make(chan struct{})}
	scr := &screen{out: newOutlet(s), size: func() (int, int) { return 80, 24 }}
	scr.print("first")
	for i := range 100 {
		scr.show(func(int) []string { return []string{fmt.Sprint("live ", i)} })
	}
	for range 3 {
		scr.print(strings.Repeat("x", unread))
	}
	close(s.wake)
	scr.flush(nil)
	scr.show(func(int) []string { return []string{"live at last"} })
	scr.print("last")
	scr.flush(nil)
	have := s.String()
	if strings.Count(have, "live ") != 1 || strings.Count(have, "xx\n") != 1 {
		t.Errorf("%d live and %d lasting lines", strings.Count(have, "live "), strings.Count(have, "xx\n"))
	}
	if want := "live at last\r\x1b[K(2 lines left out here, which nothing read)\nlast\n"; !strings.HasSuffix(have, want) {
		t.Errorf("ends in %q, want %q", have[max(0, len(have)-120):], want)
	}
}

// TestFlushGivesUp: the end of a process waits for its reader, and after a signal for a second.
func TestFlushGivesUp(t *testing.T) {
	o := newOutlet(&still{wake: make(chan struct{})})
	o.put([]byte("x"), 0)
	hurry := make(chan struct{})
	done := make(chan struct{})
	go func() { o.flush(hurry); close(done) }()
	select {
	case <-done:
		t.Fatal("it did not wait")
	case <-time.After(100 * time.Millisecond):
	}
	close(hurry)
	<-done

	broken := newOutlet(failing{})
	for range 100 {
		broken.put([]byte("x"), 1<<20)
	}
	broken.flush(nil)
	if broken.failed() != io.ErrClosedPipe {
		t.Errorf("have %v", broken.failed())
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
