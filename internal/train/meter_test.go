package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"shake/internal/engine"
)

// gauge is a Meter whose energy grows by 1 with every Begin.
type gauge struct {
	calls   []string
	cards   []string
	notices []string
	energy  float64
	fail    error
}

func (g *gauge) Begin(dir string, cards []string) error {
	g.calls, g.cards = append(g.calls, "begin"), cards
	if g.fail != nil {
		return g.fail
	}
	g.energy++
	g.notices = append(g.notices, "card 0: watched")
	return nil
}

func (g *gauge) Notices() []string {
	n := g.notices
	g.notices = nil
	return n
}

func (g *gauge) Use() []CardUse {
	e := g.energy
	return []CardUse{{Card: 0, Name: "a card", EnergyKWh: &e}}
}

func (g *gauge) Picture(title, format string) ([]byte, error) {
	return []byte(title + " as " + format), nil
}

func (g *gauge) End() { g.calls = append(g.calls, "end") }

// noted is an Observer that keeps notices.
type noted struct {
	Observer
	text []string
}

func (n *noted) Start(Decisions)    {}
func (n *noted) Progress(Progress)  {}
func (n *noted) Step(StepRecord)    {}
func (n *noted) Epoch(EpochRecord)  {}
func (n *noted) Saved(Saved)        {}
func (n *noted) End(Summary)        {}
func (n *noted) Notice(text string) { n.text = append(n.text, text) }

func TestMeter(t *testing.T) {
	dir := tempDir(t)
	g, n := &gauge{}, &noted{}
	o := options(t, dir)
	o.Meter, o.Observer, o.plain = g, n, false
	ctx, cancel := context.WithCancel(context.Background())
	o.Backend = toy{bad: -1, cards: []string{"0000:18:00.0"}, onStep: func(s engine.Step) {
		if s.Iteration == 2 {
			cancel()
		}
	}}
	if _, err := Run(ctx, o); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	if g.calls[0] != "begin" || g.calls[len(g.calls)-1] != "end" || !slices.Equal(g.cards, []string{"0000:18:00.0"}) {
		t.Errorf("have calls %v for cards %v", g.calls, g.cards)
	}
	if !slices.Equal(n.text, []string{"card 0: watched"}) {
		t.Errorf("have notices %q", n.text)
	}
	if rec, err := ReadRecord(dir); err != nil || len(rec.Cards) != 1 || *rec.Cards[0].EnergyKWh != 1 {
		t.Errorf("after an interruption the record has cards %+v (%v)", rec.Cards, err)
	}
	o.Resume, o.Backend = true, toy{bad: -1, cards: []string{"0000:18:00.0"}}
	s := mustRun(t, o)
	if len(s.Cards) != 1 || *s.Cards[0].EnergyKWh != 2 {
		t.Errorf("the summary has cards %+v", s.Cards)
	}
	for _, name := range []string{"gpu.svg", "gpu.png"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(b), " as "+name[4:]) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if !slices.Contains(s.Curves, filepath.Join(dir, name)) {
			t.Errorf("the summary's curves are %v", s.Curves)
		}
	}
	// A run that had finished keeps its figures.
	if s = mustRun(t, o); len(s.Cards) != 1 || *s.Cards[0].EnergyKWh != 2 {
		t.Errorf("reported again: cards %+v", s.Cards)
	}
}

func TestMeterIsNotNeeded(t *testing.T) {
	// A device without cards is not metered.
	g := &gauge{}
	o := options(t, tempDir(t))
	o.Meter = g
	mustRun(t, o)
	if g.calls != nil {
		t.Errorf("have calls %v without cards", g.calls)
	}
	// Without access to the cards the run still trains.
	g, n := &gauge{fail: errors.New("no NVML")}, &noted{}
	o = options(t, tempDir(t))
	o.Meter, o.Observer, o.Backend = g, n, toy{bad: -1, cards: []string{"x"}}
	s := mustRun(t, o)
	if !s.Finished || s.Cards != nil || len(n.text) != 1 || !strings.Contains(n.text[0], "no NVML") {
		t.Errorf("finished %v, cards %v, notices %q", s.Finished, s.Cards, n.text)
	}
}
