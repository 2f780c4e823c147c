package report

import (
	"math"

	"gonum.org/v1/plot/plotter"
)

// turnsAcross is the number of pieces of a picture's width in each of which one of the lines that
// lie on each other is seen.
const turnsAcross = 48

// nearby is the distance up to which lines lie on each other, as a part of the picture's height.
const nearby = 0.006

// turn is a piece of a card's line that is drawn above those of the other cards.
type turn struct {
	card int
	xys  plotter.XYs
}

// turns are pieces of lines that lie on each other, each line's in its turn, so that the last one
// drawn does not hide the others. Lines are the stretches of each card; x and y go from 0 to the
// given ends.
func turns(lines [][]plotter.XYs, right, top float64) []turn {
	var out []turn
	wide := right / turnsAcross
	for slot := range turnsAcross {
		from := float64(slot) * wide
		for i, line := range lines {
			y := heightAt(line, from+wide/2)
			var together []int // NaN is near to nothing
			for j, other := range lines {
				if math.Abs(heightAt(other, from+wide/2)-y) <= nearby*top {
					together = append(together, j)
				}
			}
			if len(together) < 2 || together[slot%len(together)] != i {
				continue
			}
			for _, xys := range line {
				if piece := between(xys, from, from+wide); len(piece) > 1 {
					out = append(out, turn{i, piece})
				}
			}
		}
	}
	return out
}

// heightAt is the y of a line at x; NaN in its gaps.
func heightAt(line []plotter.XYs, x float64) float64 {
	for _, xys := range line {
		for i := 1; i < len(xys); i++ {
			if a, b := xys[i-1], xys[i]; a.X <= x && x <= b.X && a.X < b.X {
				return a.Y + (b.Y-a.Y)*(x-a.X)/(b.X-a.X)
			}
		}
	}
	return math.NaN()
}

// between is the part of a line from one x to another.
func between(xys plotter.XYs, from, to float64) plotter.XYs {
	line := []plotter.XYs{xys}
	var out plotter.XYs
	add := func(x float64) {
		if y := heightAt(line, x); !math.IsNaN(y) {
			out = append(out, plotter.XY{X: x, Y: y})
		}
	}
	add(from)
	for _, at := range xys {
		if from < at.X && at.X < to {
			out = append(out, at)
		}
	}
	add(to)
	return out
}
