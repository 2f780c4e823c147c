package gpustat

import (
	"slices"
	"time"
)

// Course is the readings of a card over a run, in at most coursePoints points. When the run gets
// longer, neighbouring points become one.
type Course struct {
	Points []Point
	width  float64 // seconds of a point
}

// Point is the means over some seconds, in the units of Sample.
type Point struct {
	// Of watched time since the beginning; the middle of the interval.
	Seconds float64

	Memory, Utilization, Power, Temperature Figure

	counts [4]int // the samples with a figure, in the same order
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
	c.take(Point{at, s.MemoryUsed, s.Utilization, s.Power, s.Temperature, [4]int{1, 1, 1, 1}})
}

// halve makes the points twice as wide.
func (c *Course) halve() {
	c.width *= 2
	points := c.Points
	c.Points = nil
	for _, p := range points {
		c.take(p)
	}
}

// take adds a point behind the others, or into the last one if both are in one interval.
func (c *Course) take(p Point) {
	p.Seconds = (float64(int(p.Seconds/c.width)) + .5) * c.width
	n := len(c.Points)
	if n == 0 || c.Points[n-1].Seconds < p.Seconds {
		c.Points = append(c.Points, p)
		return
	}
	q := &c.Points[n-1]
	mine, others := q.figures(), p.figures()
	for i := range mine {
		*mine[i], q.counts[i] = mean(*mine[i], q.counts[i], *others[i], p.counts[i])
	}
}

func (p *Point) figures() [4]*Figure {
	return [4]*Figure{&p.Memory, &p.Utilization, &p.Power, &p.Temperature}
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
