package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"shake/internal/gpustat"
	"shake/internal/profile"
)

// sampler reads the cards of a profile between its steps.
type sampler struct {
	driver   *gpustat.Driver
	cards    []*gpustat.Card
	counters []profile.Counter
}

// newSampler opens those of these cards that this machine has; an error says which it has not. Of
// none it reads nothing.
func newSampler(uuids []string) (*sampler, error) {
	s := &sampler{}
	if len(uuids) == 0 {
		return s, nil
	}
	d, all, err := openCards()
	if err != nil {
		return s, err
	}
	s.driver = d
	cards, others := watched(all, uuids)
	if s.cards = cards; others != nil {
		err = errors.New(elsewhere(others))
	}
	return s, err
}

// sample reads every card at a time of the profile's clock. A figure that a card does not tell has
// no point.
func (s *sampler) sample(now time.Duration) {
	for _, c := range s.cards {
		r, err := c.Read(time.Now())
		if err != nil {
			continue
		}
		for _, f := range []struct {
			name  string
			value gpustat.Figure
			scale float64
		}{
			{"power, W", r.Power, 1}, {"memory in use, MiB", r.MemoryUsed, 1 << 20}, {"utilisation, %", r.Utilization, 1},
			{"SM clock, MHz", r.SMClock, 1}, {"memory clock, MHz", r.MemoryClock, 1}, {"temperature, C", r.Temperature, 1},
		} {
			if f.value.Known() {
				s.add(fmt.Sprintf("card %d: %s", c.Index, f.name), now, float64(f.value)/f.scale)
			}
		}
	}
}

func (s *sampler) add(name string, now time.Duration, value float64) {
	i := slices.IndexFunc(s.counters, func(c profile.Counter) bool { return c.Name == name })
	if i < 0 {
		i = len(s.counters)
		s.counters = append(s.counters, profile.Counter{Name: name})
	}
	s.counters[i].Points = append(s.counters[i].Points, profile.Point{At: now, Value: value})
}

func (s *sampler) close() {
	if s.driver != nil {
		s.driver.Close()
	}
}
