package gpustat

import "time"

// Introduction is the line of a card before its samples.
type Introduction struct {
	Event  string    `json:"event"` // "card"
	Time   time.Time `json:"time"`
	Card   int       `json:"card"`
	Name   string    `json:"name"`
	UUID   string    `json:"uuid"`
	Driver string    `json:"driver"`
}

// Introduce makes the card's introduction.
func (c *Card) Introduce(driver string, now time.Time) Introduction {
	return Introduction{Event: "card", Time: stamp(now), Card: c.Index, Name: c.Name, UUID: c.UUID, Driver: driver}
}

// Totals are the sums and extremes of one card over all samples of a run.
type Totals struct {
	Card        int
	Name, UUID  string
	Samples     int
	MemoryTotal Figure // bytes
	PeakMemory  Figure // bytes, of all processes on the card
	Utilization Figure // mean of the samples, per cent
	Energy      Figure // J, of the whole card while it was watched
	Lost        bool

	utilized int // samples with a utilisation
}

// Tally adds up events into the Totals and the Course of each card.
type Tally struct {
	cards   []*Totals
	courses []*Course
	clock   clock
}

// Add adds an event.
func (t *Tally) Add(e Event) {
	switch e := e.(type) {
	case Introduction:
		c, _ := t.card(e.Card)
		c.Name, c.UUID, c.Lost = e.Name, e.UUID, false
	case Lost:
		c, _ := t.card(e.Card)
		c.Lost = true
	case Sample:
		c, course := t.card(e.Card)
		c.add(e)
		course.add(t.clock.elapsed(e.Time), e)
	}
}

func (c *Totals) add(s Sample) {
	c.Samples++
	if s.MemoryTotal.Known() {
		c.MemoryTotal = s.MemoryTotal
	}
	if s.MemoryUsed.Known() && !(s.MemoryUsed <= c.PeakMemory) {
		c.PeakMemory = s.MemoryUsed
	}
	if s.Utilization.Known() {
		c.utilized++
		c.Utilization = Figure(c.Utilization.Or(0)) + (s.Utilization-Figure(c.Utilization.Or(0)))/Figure(c.utilized)
	}
	if s.Energy.Known() {
		c.Energy = Figure(c.Energy.Or(0)) + s.Energy
	}
}

// Cards returns the totals of every card, in the order of their first events.
func (t *Tally) Cards() []Totals {
	var out []Totals
	for _, c := range t.cards {
		out = append(out, *c)
	}
	return out
}

// Courses returns the course of every card, in the same order.
func (t *Tally) Courses() []Course {
	var out []Course
	for _, c := range t.courses {
		out = append(out, c.copy())
	}
	return out
}

func (t *Tally) card(index int) (*Totals, *Course) {
	for i, c := range t.cards {
		if c.Card == index {
			return c, t.courses[i]
		}
	}
	c := &Totals{Card: index, MemoryTotal: Unknown, PeakMemory: Unknown, Utilization: Unknown, Energy: Unknown}
	t.cards = append(t.cards, c)
	t.courses = append(t.courses, &Course{width: finest})
	return c, t.courses[len(t.courses)-1]
}
