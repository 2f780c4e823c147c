package gpustat

import "time"

// Sample is the state of one card at one time. It is a line of gpu.jsonl and of "shake monitor
// --json".
type Sample struct {
	Event       string    `json:"event"` // "sample"
	Time        time.Time `json:"time"`
	Card        int       `json:"card"`         // Card.Index
	MemoryUsed  Figure    `json:"memory_used"`  // bytes, of all processes
	MemoryTotal Figure    `json:"memory_total"` // bytes
	OwnMemory   Figure    `json:"own_memory"`   // bytes, of this process and of Card.Own
	Utilization Figure    `json:"utilization"`  // per cent of the time in which a kernel ran
	MemoryBusy  Figure    `json:"memory_busy"`  // the same for reads and writes of memory
	Power       Figure    `json:"power"`        // W
	// J since the previous sample by this process; 0 in the first
	Energy      Figure `json:"energy"`
	Temperature Figure `json:"temperature"`  // degrees Celsius
	SMClock     Figure `json:"sm_clock"`     // MHz
	MemoryClock Figure `json:"memory_clock"` // MHz
	// Throttle says what keeps the clocks below the highest: words of reasons. nil: not known
	Throttle []string `json:"throttle"`
	// Bytes a second over PCIe, in the driver's last interval of 20 ms, and over all links of NVLink
	// since the previous sample by this process.
	PCIeSent       Figure    `json:"pcie_sent"`
	PCIeReceived   Figure    `json:"pcie_received"`
	NVLinkSent     Figure    `json:"nvlink_sent"`
	NVLinkReceived Figure    `json:"nvlink_received"`
	Fan            Figure    `json:"fan"` // per cent of its highest speed
	Processes      []Process `json:"processes,omitempty"`
}

// blank is a sample that knows nothing yet.
func blank() Sample {
	return Sample{Event: "sample", MemoryUsed: Unknown, MemoryTotal: Unknown, OwnMemory: Unknown, Utilization: Unknown, MemoryBusy: Unknown,
		Power: Unknown, Energy: Unknown, Temperature: Unknown, SMClock: Unknown, MemoryClock: Unknown,
		PCIeSent: Unknown, PCIeReceived: Unknown, NVLinkSent: Unknown, NVLinkReceived: Unknown, Fan: Unknown}
}

// Process is a process that computes on a card.
type Process struct {
	PID    int    `json:"pid"`
	Memory Figure `json:"memory"`          // bytes
	Name   string `json:"name,omitempty"`  // its command line
	User   string `json:"user,omitempty"`  // whose it is
	Shake  bool   `json:"shake,omitempty"` // runs this program
}

// Lost says that a card stopped answering. No sample of it follows.
type Lost struct {
	Event  string    `json:"event"` // "lost"
	Time   time.Time `json:"time"`
	Card   int       `json:"card"`
	Reason string    `json:"reason"`
}

// stamp is the form of a time in events.
func stamp(t time.Time) time.Time { return t.UTC().Round(time.Millisecond) }

// Event is a Sample, a Gap, a Lost or an Introduction.
type Event any

// mark is the part of a reading from which the next one computes the differences.
type mark struct {
	at       time.Time
	millijou uint64
	counted  bool // millijou was read
	watts    Figure
	links    [2]Figure // KiB that all links of NVLink sent and received so far
}

// longest is the time between two readings up to which power counts as steady enough to be
// integrated.
const longest = 10 * time.Second

// energy returns the joules from m to n: the difference of the driver's counter where there is one,
// else the trapezoid under the power.
func energy(m, n mark) Figure {
	switch {
	case m.at.IsZero():
		if n.counted || n.watts.Known() {
			return 0
		}
		return Unknown
	case m.counted && n.counted && n.millijou >= m.millijou:
		return Figure(float64(n.millijou-m.millijou) / 1e3)
	case m.watts.Known() && n.watts.Known() && n.at.After(m.at) && n.at.Sub(m.at) <= longest:
		return Figure(float64(m.watts+n.watts) / 2 * n.at.Sub(m.at).Seconds())
	}
	return Unknown
}

// flow is the bytes a second between two counts of KiB. A count that fell was reset.
func flow(m, n mark, way int) Figure {
	from, to, took := m.links[way], n.links[way], n.at.Sub(m.at).Seconds()
	if m.at.IsZero() || took <= 0 || !from.Known() || !to.Known() || to < from {
		return Unknown
	}
	return (to - from) * 1024 / Figure(took)
}
