package gpustat

import (
	"slices"
	"time"
)

// Course is the memory and utilisation of a card over a run, in at most coursePoints points. When
// the run gets longer, neighbouring points become one.
type Course struct {
	Points []Point
	width  float64 // seconds of a point
}

// Point is the mean over some seconds.
type Point struct {
	Seconds             float64 // of watched time since the beginning; the middle of the interval
	Memory, Utilization Figure

	memories, utilizations int
}

const (
	coursePoints = 600
	finest       = 1. / 16 // seconds of a point at first
)

// add takes in a sample at a time of the course.
func (c *Course) add(at float64, s Sample) {
	i := int(at / c.width)
	for i >= coursePoints {
		c.halve()
		i = int(at / c.width)
	}
	middle := (float64(i) + .5) * c.width
	if n := len(c.Points); n == 0 || c.Points[n-1].Seconds < middle {
		c.Points = append(c.Points, Point{Seconds: middle, Memory: Unknown, Utilization: Unknown})
	}
	p := &c.Points[len(c.Points)-1]
	p.Memory, p.memories = mean(p.Memory, p.memories, s.MemoryUsed, 1)
	p.Utilization, p.utilizations = mean(p.Utilization, p.utilizations, s.Utilization, 1)
}

// halve makes the points twice as wide.
func (c *Course) halve() {
	c.width *= 2
	var out []Point
	for _, p := range c.Points {
		middle := (float64(int(p.Seconds/c.width)) + .5) * c.width
		if n := len(out); n > 0 && out[n-1].Seconds == middle {
			q := &out[n-1]
			q.Memory, q.memories = mean(q.Memory, q.memories, p.Memory, p.memories)
			q.Utilization, q.utilizations = mean(q.Utilization, q.utilizations, p.Utilization, p.utilizations)
			continue
		}
		p.Seconds = middle
		out = append(out, p)
	}
	c.Points = out
}

// mean is the mean of m figures with mean a and n figures with mean b, and their number. An unknown
// mean counts as no figures.
func mean(a Figure, m int, b Figure, n int) (Figure, int) {
	if !b.Known() {
		return a, m
	}
	if !a.Known() {
		return b, n
	}
	return (a*Figure(m) + b*Figure(n)) / Figure(m+n), m + n
}

func (c *Course) copy() Course { return Course{slices.Clone(c.Points), c.width} }

// clock counts watched time: a gap, as between the processes of a run, adds nothing.
type clock struct {
	last    time.Time
	seconds float64
}

func (c *clock) elapsed(t time.Time) float64 {
	if d := t.Sub(c.last); !c.last.IsZero() && d > 0 && d <= longest {
		c.seconds += d.Seconds()
	}
	if t.After(c.last) {
		c.last = t
	}
	return c.seconds
}
