package gpustat

import (
	"slices"
	"time"
)

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
	Power       Figure // mean of the samples, W
	Energy      Figure // J, of the whole card while it was watched
	Temperature Figure // the highest, degrees Celsius
	// Slowed is the part of the samples in which power or heat held the clocks back, in per cent, and
	// SlowedBy the reasons.
	Slowed   Figure
	SlowedBy []string
	// Means of the samples, bytes a second.
	PCIeSent, PCIeReceived     Figure
	NVLinkSent, NVLinkReceived Figure
	Lost                       bool

	utilized, powered, told, slowed, pcie, nvlink int // samples with a figure; slowed ones
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
	c.Utilization, c.utilized = mean(c.Utilization, c.utilized, s.Utilization, 1)
	c.Power, c.powered = mean(c.Power, c.powered, s.Power, 1)
	if s.Energy.Known() {
		c.Energy = Figure(c.Energy.Or(0)) + s.Energy
	}
	if s.Temperature.Known() && !(s.Temperature <= c.Temperature) {
		c.Temperature = s.Temperature
	}
	c.slow(s)
	n := c.pcie
	c.PCIeSent, c.pcie = mean(c.PCIeSent, n, s.PCIeSent, 1)
	c.PCIeReceived, _ = mean(c.PCIeReceived, n, s.PCIeReceived, 1)
	n = c.nvlink
	c.NVLinkSent, c.nvlink = mean(c.NVLinkSent, n, s.NVLinkSent, 1)
	c.NVLinkReceived, _ = mean(c.NVLinkReceived, n, s.NVLinkReceived, 1)
}

// slow counts a sample whose reasons are known.
func (c *Totals) slow(s Sample) {
	if s.Throttle == nil {
		return
	}
	c.told++
	why := s.Slowed()
	if len(why) > 0 {
		c.slowed++
	}
	for _, w := range why {
		if !slices.Contains(c.SlowedBy, w) {
			c.SlowedBy = append(c.SlowedBy, w)
		}
	}
	c.Slowed = 100 * Figure(c.slowed) / Figure(c.told)
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
	c := &Totals{Card: index, MemoryTotal: Unknown, PeakMemory: Unknown, Utilization: Unknown, Power: Unknown, Energy: Unknown, Temperature: Unknown, Slowed: Unknown,
		PCIeSent: Unknown, PCIeReceived: Unknown, NVLinkSent: Unknown, NVLinkReceived: Unknown}
	t.cards = append(t.cards, c)
	t.courses = append(t.courses, &Course{width: finest})
	return c, t.courses[len(t.courses)-1]
}
