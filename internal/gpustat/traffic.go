package gpustat

import "github.com/NVIDIA/go-nvml/pkg/nvml"

// traffic are the readings of the card's links and of the reasons that hold it back.
func (c *Card) traffic(s *Sample, next *mark) []reading {
	return []reading{
		{"throttle", func() nvml.Return {
			bits, r := c.dev.GetCurrentClocksEventReasons()
			if r == nvml.ERROR_FUNCTION_NOT_FOUND { // before R535 it had another name
				bits, r = c.dev.GetCurrentClocksThrottleReasons()
			}
			if r == nvml.SUCCESS {
				s.Throttle = reasons(bits)
			}
			return r
		}},
		{"pcie", func() nvml.Return {
			sent, r := c.dev.GetPcieThroughput(nvml.PCIE_UTIL_TX_BYTES)
			if r != nvml.SUCCESS {
				return r
			}
			received, r := c.dev.GetPcieThroughput(nvml.PCIE_UTIL_RX_BYTES)
			if r == nvml.SUCCESS {
				s.PCIeSent, s.PCIeReceived = 1024*Figure(sent), 1024*Figure(received)
			}
			return r
		}},
		{"nvlink", func() nvml.Return {
			v, r := c.fieldsOf(nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_TX, nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_RX)
			if r == nvml.SUCCESS {
				next.links = [2]Figure{v[0], v[1]}
			}
			return r
		}},
		{"fan", func() nvml.Return {
			percent, r := c.dev.GetFanSpeed()
			s.Fan = when(r, percent)
			return r
		}},
	}
}

// throttles are the words of NVML's reasons (nvmlClocksEventReasons), by bit.
var throttles = []string{"idle", "application clocks", "power cap", "hardware slowdown", "sync boost", "heat", "heat, by hardware", "power brake", "display"}

// slowing tells whether a reason is a limit that the card ran into, not a setting or a lack of
// work.
func slowing(reason string) bool {
	switch reason {
	case "idle", "application clocks", "sync boost", "display":
		return false
	}
	return true
}

// Slowed are those reasons of a sample that are limits the card ran into: power or heat.
func (s Sample) Slowed() []string {
	var out []string
	for _, r := range s.Throttle {
		if slowing(r) {
			out = append(out, r)
		}
	}
	return out
}

// reasons are the words of bits; empty and not nil if there are none.
func reasons(bits uint64) []string {
	out := []string{}
	for i, word := range throttles {
		if bits>>i&1 != 0 {
			out = append(out, word)
		}
	}
	return out
}

// Usual tells whether a gap says no more than that the card has no such thing: a fan of its own, a
// link, a bus that it counts.
func (g Gap) Usual() bool { return g.Field == "fan" || g.Field == "nvlink" || g.Field == "pcie" }
