package report

import (
	"fmt"
	"strconv"
	"strings"
)

// CardUse is a run's use of one card, as a line of the summary says it; nil is unknown.
type CardUse struct {
	Card                    int
	Name                    string
	MemoryTotal, PeakMemory *int64   // bytes
	Utilization             *float64 // per cent
	Power                   *float64 // W, the mean
	EnergyKWh               *float64
	MaxTemperature          *float64 // degrees Celsius
	Slowed                  *float64 // per cent of the time with clocks held back by power or heat
	SlowedBy                []string // the reasons
	PCIe, NVLink            *float64 // bytes a second, both ways together
	Lost                    bool
}

// String is "NVIDIA H100: peak 41.2 of 80.0 GiB, 83% busy, mean 412 W, 1.24 kWh, at most 71 C,
// slowed for 12% of the time by power cap, PCIe 1.2 GB/s". The last three are left out where they
// are zero or unknown, the others where they are unknown.
func (u CardUse) String() string {
	s := u.Name
	if s == "" {
		s = "card " + strconv.Itoa(u.Card)
	}
	sep := ": "
	add := func(format string, args ...any) {
		s += sep + fmt.Sprintf(format, args...)
		sep = ", "
	}
	if u.PeakMemory != nil {
		add("peak %.1f", float64(*u.PeakMemory)/gib)
		if u.MemoryTotal != nil {
			s += fmt.Sprintf(" of %.1f", float64(*u.MemoryTotal)/gib)
		}
		s += " GiB"
	}
	if u.Utilization != nil {
		add("%.0f%% busy", *u.Utilization)
	}
	if u.Power != nil {
		add("mean %.0f W", *u.Power)
	}
	if u.EnergyKWh != nil {
		add("%s kWh", strconv.FormatFloat(*u.EnergyKWh, 'g', 3, 64))
	}
	if u.MaxTemperature != nil {
		add("at most %.0f C", *u.MaxTemperature)
	}
	if u.Slowed != nil && *u.Slowed > 0 {
		add("slowed for %.0f%% of the time by %s", max(*u.Slowed, 1), strings.Join(u.SlowedBy, " and "))
	}
	for _, f := range []struct {
		name string
		rate *float64
	}{{"PCIe", u.PCIe}, {"NVLink", u.NVLink}} {
		if f.rate != nil && *f.rate > 0 {
			add("%s %s/s", f.name, Rate(*f.rate))
		}
	}
	if u.Lost {
		add("lost")
	}
	return s
}

// Rate writes bytes in powers of 1000 with three digits: "1.24 GB".
func Rate(bytes float64) string {
	unit := 0
	for bytes >= 999.5 && unit < 4 {
		bytes, unit = bytes/1000, unit+1
	}
	return strconv.FormatFloat(bytes, 'g', 3, 64) + " " + []string{"B", "kB", "MB", "GB", "TB"}[unit]
}
