package report

import "math"

// MeanDeviation is the mean of x and its standard deviation, with n-1 below; of less than two figures the deviation is NaN, of none the mean too.
func MeanDeviation(x []float64) (mean, deviation float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	if n == 0 {
		mean = math.NaN()
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean)
	}
	if n < 2 {
		return mean, math.NaN()
	}
	return mean, math.Sqrt(deviation / (n - 1))
}
