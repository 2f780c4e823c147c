package report

import "testing"

func TestCardUse(t *testing.T) {
	total, peak, util, watts, kwh, rate := int64(80<<30), int64(41.25*(1<<30)), 83.4, 411.6, 0.012345, 1.5e9
	for _, c := range []struct {
		use  CardUse
		want string
	}{
		{CardUse{Name: "NVIDIA H100", MemoryTotal: &total, PeakMemory: &peak, Utilization: &util, Power: &watts, EnergyKWh: &kwh, NVLink: new(float64), Slowed: new(float64)},
			"NVIDIA H100: peak 41.2 of 80.0 GiB, 83% busy, mean 412 W, 0.0123 kWh"},
		{CardUse{Name: "NVIDIA L4", MaxTemperature: &util, Slowed: &kwh, SlowedBy: []string{"power cap", "heat"}, PCIe: &rate},
			"NVIDIA L4: at most 83 C, slowed for 1% of the time by power cap and heat, PCIe 1.5 GB/s"},
		{CardUse{Card: 1, Name: "NVIDIA H100", Lost: true}, "NVIDIA H100: lost"},
		{CardUse{Card: 2, PeakMemory: &peak}, "card 2: peak 41.2 GiB"},
		{CardUse{Card: 3}, "card 3"},
	} {
		if have := c.use.String(); have != c.want {
			t.Errorf("have %q, want %q", have, c.want)
		}
	}
}
