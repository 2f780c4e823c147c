package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"shake/internal/gpustat"
)

// chosen are the cards that --cards names: by number, address or the beginning of a UUID. Without
// names it is all of them.
func chosen(cards []*gpustat.Card, names []string) ([]*gpustat.Card, error) {
	if names == nil {
		return cards, nil
	}
	var out []*gpustat.Card
	for _, name := range names {
		var found []*gpustat.Card
		for _, c := range cards {
			if called(c, strings.TrimSpace(name)) {
				found = append(found, c)
			}
		}
		switch {
		case len(found) == 0:
			return nil, fmt.Errorf("--cards %s: no card is called that: want one of %s", name, cardNames(cards))
		case len(found) > 1:
			return nil, fmt.Errorf("--cards %s: %d cards begin so: want one of %s", name, len(found), cardNames(cards))
		case slices.Contains(out, found[0]):
			return nil, fmt.Errorf("--cards %s: card %d is named twice", strings.Join(names, ","), found[0].Index)
		}
		out = append(out, found[0])
	}
	slices.SortFunc(out, func(a, b *gpustat.Card) int { return a.Index - b.Index })
	return out, nil
}

// called tells whether a card has a name.
func called(c *gpustat.Card, name string) bool {
	if n, err := strconv.Atoi(name); err == nil {
		return n == c.Index
	}
	return name != "" && (gpustat.BusAddress(name) == c.Bus || strings.HasPrefix(name, "GPU-") && strings.HasPrefix(c.UUID, name))
}

func cardNames(cards []*gpustat.Card) string {
	var out []string
	for _, c := range cards {
		out = append(out, fmt.Sprintf("%d (%s, %s)", c.Index, c.Bus, c.UUID))
	}
	return strings.Join(out, ", ")
}

// orders are the values of --sort.
var orders = []string{"index", "memory", "utilization", "power", "temperature"}

// sortPanels puts the greatest first; unknown figures come last, and the number decides the rest.
func sortPanels(panels []*panel, order string) []*panel {
	of := func(p *panel) float64 {
		switch order {
		case "memory":
			return p.sample.MemoryUsed.Or(-1)
		case "utilization":
			return p.sample.Utilization.Or(-1)
		case "power":
			return p.sample.Power.Or(-1)
		case "temperature":
			return p.sample.Temperature.Or(-1)
		}
		return 0
	}
	out := slices.Clone(panels)
	slices.SortStableFunc(out, func(a, b *panel) int {
		return cmp.Or(cmp.Compare(of(b), of(a)), a.card.Index-b.card.Index)
	})
	return out
}
