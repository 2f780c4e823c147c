package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"shake/internal/gpustat"
	"shake/internal/report"
	"shake/internal/train"
)

// meterEvery is the interval between the readings of a run's cards.
const meterEvery = time.Second

// meter watches the cards of a run and keeps its journal. It is a train.Meter.
type meter struct {
	every   time.Duration
	ranks   []int // the processes besides this one that make the run
	driver  *gpustat.Driver
	watcher *gpustat.Watcher
	cards   []*gpustat.Card
	naming  *gpustat.Naming
	journal *gpustat.Journal

	mu      sync.Mutex // guards the fields that the watcher's goroutine writes
	tally   gpustat.Tally
	last    map[int]gpustat.Sample // of each card, by its number
	notices []string
	full    bool // the journal cannot be written any more
}

// newMeter makes the meter of a run by this process and other ranks' processes on this machine.
func newMeter(ranks ...int) *meter {
	return &meter{every: meterEvery, ranks: ranks, last: map[int]gpustat.Sample{}}
}

// Begin opens NVML, selects the cards, reads the journal of earlier processes and starts to watch.
func (m *meter) Begin(dir string, uuids []string) error {
	d, all, err := openCards()
	if err != nil {
		return err
	}
	cards, others := watched(all, uuids)
	if len(cards) == 0 {
		var known []string
		for _, c := range all {
			known = append(known, c.UUID)
		}
		d.Close()
		return fmt.Errorf("NVML knows the cards %s, and none of the run's, %s", strings.Join(known, ", "), strings.Join(uuids, ", "))
	}
	if others != nil {
		m.notices = append(m.notices, elsewhere(others))
	}
	if m.journal, err = gpustat.OpenJournal(filepath.Join(dir, train.GPUSamplesFile), m.tally.Add); err != nil {
		d.Close()
		return err
	}
	m.driver, m.naming = d, d.Naming()
	for _, c := range cards {
		c.Own = m.ranks
		m.hear(c.Introduce(d.Version(), time.Now()))
	}
	m.cards = cards
	m.watcher = gpustat.Watch(cards, m.every, m.hear)
	return nil
}

// hear takes an event in. It runs on the watcher's goroutine.
func (m *meter) hear(e gpustat.Event) {
	if s, ok := e.(gpustat.Sample); ok {
		m.naming.Name(s.Processes)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.Add(e)
	switch e := e.(type) {
	case gpustat.Sample:
		m.last[e.Card] = e
	case gpustat.Gap:
		if !e.Usual() {
			m.notices = append(m.notices, e.String())
		}
	case gpustat.Lost:
		delete(m.last, e.Card)
		m.notices = append(m.notices, fmt.Sprintf("card %d is lost (%s): no more samples of it", e.Card, e.Reason))
	}
	if m.full {
		return
	}
	if err := m.journal.Add(e); err != nil {
		m.full = true
		m.notices = append(m.notices, fmt.Sprintf("the cards' samples are not written any more: %v", err))
	}
}

func (m *meter) Notices() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.notices
	m.notices = nil
	return n
}

func (m *meter) Use() []train.CardUse {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []train.CardUse
	for _, t := range m.tally.Cards() {
		out = append(out, train.CardUse{
			Card: t.Card, Name: t.Name, UUID: t.UUID, MemoryTotal: whole(t.MemoryTotal), PeakMemory: whole(t.PeakMemory),
			Utilization: rounded(t.Utilization, 1e2), MeanPower: rounded(t.Power, 1e3), EnergyKWh: rounded(t.Energy/3.6e6, 1e9), Lost: t.Lost,
			MaxTemperature: rounded(t.Temperature, 1), Slowed: rounded(t.Slowed, 1e2), SlowedBy: t.SlowedBy,
			PCIeSent: rounded(t.PCIeSent, 1), PCIeReceived: rounded(t.PCIeReceived, 1),
			NVLinkSent: rounded(t.NVLinkSent, 1), NVLinkReceived: rounded(t.NVLinkReceived, 1),
		})
	}
	return out
}

func (m *meter) Picture(title, format string) ([]byte, error) {
	m.mu.Lock()
	totals, courses := m.tally.Cards(), m.tally.Courses()
	m.mu.Unlock()
	p := report.CardCurves{Title: title}
	points := 0
	for i, t := range totals {
		c := report.CardCourse{
			Name: fmt.Sprintf("card %d", t.Card), MemoryTotal: t.MemoryTotal.Or(0), PeakMemory: float64(t.PeakMemory), MeanUtilization: float64(t.Utilization),
			MeanPower: float64(t.Power), MaxTemperature: float64(t.Temperature),
		}
		for _, q := range courses[i].Points {
			c.Seconds = append(c.Seconds, q.Seconds)
			c.Memory = append(c.Memory, float64(q.Memory))
			c.Utilization = append(c.Utilization, float64(q.Utilization))
			c.Power = append(c.Power, float64(q.Power))
			c.Temperature = append(c.Temperature, float64(q.Temperature))
		}
		points = max(points, len(c.Seconds))
		p.Cards = append(p.Cards, c)
	}
	if points < 2 { // no line yet
		return nil, nil
	}
	return p.Encode(format)
}

// End stops the watcher and closes NVML, unless the driver hangs.
func (m *meter) End() {
	if m.watcher == nil {
		return
	}
	if m.watcher.Stop() {
		gpustat.Sweep(m.cards, m.hear) // a run shorter than an interval then has figures too
		m.driver.Close()
		m.journal.Close()
	}
	m.watcher = nil
}

// whole is a figure as a whole number, nil if it is unknown.
func whole(f gpustat.Figure) *int64 {
	if !f.Known() {
		return nil
	}
	n := int64(f)
	return &n
}

// rounded is a figure in whole parts of one, nil if it is unknown.
func rounded(f gpustat.Figure, parts float64) *float64 {
	if !f.Known() {
		return nil
	}
	x := math.Round(float64(f)*parts) / parts
	return &x
}

// useLine is the use of a card in the form of the summary.
func useLine(u train.CardUse) report.CardUse {
	return report.CardUse{
		Card: u.Card, Name: u.Name, MemoryTotal: u.MemoryTotal, PeakMemory: u.PeakMemory, Utilization: u.Utilization,
		Power: u.MeanPower, EnergyKWh: u.EnergyKWh, Lost: u.Lost,
		MaxTemperature: u.MaxTemperature, Slowed: u.Slowed, SlowedBy: u.SlowedBy,
		PCIe: together(u.PCIeSent, u.PCIeReceived), NVLink: together(u.NVLinkSent, u.NVLinkReceived),
	}
}

// together is the sum of both directions; nil if it is not known.
func together(sent, received *float64) *float64 {
	if sent == nil || received == nil {
		return nil
	}
	sum := *sent + *received
	return &sum
}
