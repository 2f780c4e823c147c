package report

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"testing"
)

// busy is the course of a card over n points, a second each.
func busy(name string, n int, phase float64) CardCourse {
	c := CardCourse{Name: name, MemoryTotal: 80 << 30, PeakMemory: 41 << 30, MeanUtilization: 88}
	for i := range n {
		x := float64(i)
		c.Seconds = append(c.Seconds, x)
		c.Memory = append(c.Memory, float64(1<<30)*(38+3*phase)*(1-math.Exp(-x/5)))
		c.Utilization = append(c.Utilization, 88+6*math.Sin(x/9+phase))
	}
	return c
}

func TestCardCurves(t *testing.T) {
	gap := busy("card 1", 300, 1)
	for i := 100; i < 140; i++ {
		gap.Memory[i], gap.Utilization[i] = math.NaN(), math.NaN()
	}
	blind := busy("card 0", 50, 0)
	blind.MeanUtilization = math.NaN()
	for i := range blind.Utilization {
		blind.Utilization[i] = math.NaN()
	}
	many := CardCurves{Title: "eight"}
	for i := range 8 {
		many.Cards = append(many.Cards, busy("card", 20, float64(i)))
	}
	for name, c := range map[string]CardCurves{
		"two":                {"26-2x32d", []CardCourse{busy("card 0", 300, 0), gap}},
		"eight":              many,
		"utilisation hidden": {"mig", []CardCourse{blind}},
		"two points":         {"short", []CardCourse{busy("card 0", 2, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"png", "svg"} {
				b, err := c.Encode(format)
				if err != nil {
					t.Fatal(err)
				}
				if again, _ := c.Encode(format); !bytes.Equal(b, again) {
					t.Errorf("%s: two drawings differ", format)
				}
				if dir := os.Getenv("SHAKE_TEST_PICTURES"); dir != "" {
					os.WriteFile(dir+"/cards "+name+"."+format, b, 0o666)
				}
				if format == "svg" && !bytes.Contains(b, []byte("card 0  ")) && name != "eight" {
					t.Error("no legend")
				}
				if format == "png" {
					if _, err := png.Decode(bytes.NewReader(b)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	if _, err := (CardCurves{}).Encode("png"); err == nil {
		t.Error("drew nothing without an error")
	}
}

func TestCardUse(t *testing.T) {
	total, peak, util, kwh, rate := int64(80<<30), int64(41.25*(1<<30)), 83.4, 0.012345, 1.5e9
	for _, c := range []struct {
		use  CardUse
		want string
	}{
		{CardUse{Name: "NVIDIA H100", MemoryTotal: &total, PeakMemory: &peak, Utilization: &util, EnergyKWh: &kwh, NVLink: new(float64), Slowed: new(float64)},
			"NVIDIA H100: peak 41.2 of 80.0 GiB, 83% busy, 0.0123 kWh"},
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
