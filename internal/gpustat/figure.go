package gpustat

import (
	"encoding/json"
	"math"
)

// Figure is a number that may be unknown: then it is NaN, and null in JSON.
type Figure float64

// Unknown is the figure of a value that the driver does not give.
var Unknown = Figure(math.NaN())

// Known tells whether the figure is a number.
func (f Figure) Known() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// Or returns the figure, or x if it is unknown.
func (f Figure) Or(x float64) float64 {
	if f.Known() {
		return float64(f)
	}
	return x
}

// MarshalJSON writes the number, or null.
func (f Figure) MarshalJSON() ([]byte, error) {
	if !f.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads a number or null.
func (f *Figure) UnmarshalJSON(b []byte) error {
	var x *float64
	if err := json.Unmarshal(b, &x); err != nil {
		return err
	}
	*f = Unknown
	if x != nil {
		*f = Figure(*x)
	}
	return nil
}
