package gpustat

import (
	"fmt"
	"strings"
	"time"
)

// Card is the part of a card that does not change, and a field of "shake devices".
type Card struct {
	// NVML's: by address on the bus, independent of CUDA_VISIBLE_DEVICES
	Index      int        `json:"index"`
	Name       string     `json:"name"`
	UUID       string     `json:"uuid"`
	Bus        string     `json:"bus"`                // "0000:18:00.0"
	Capability string     `json:"compute_capability"` // "9.0"
	Memory     Figure     `json:"memory_total"`       // bytes
	PowerLimit Figure     `json:"power_limit"`        // W
	MIG        bool       `json:"mig"`                // split into instances
	Instances  []Instance `json:"instances,omitempty"`
	Lost       bool       `json:"lost,omitempty"` // not there at the first reading

	// Own are the processes besides this one whose memory is Sample.OwnMemory.
	Own []int `json:"-"`

	dev  device
	told bool // its loss was reported
	gaps []Gap
	last mark
}

// Instance is a part of a card that is split by MIG.
type Instance struct {
	Name   string `json:"name"`
	UUID   string `json:"uuid"`
	Memory Figure `json:"memory_total"`
	Used   Figure `json:"memory_used"`
}

// Gap says why a field of a card stays unknown.
type Gap struct {
	Event  string    `json:"event"` // "gap"
	Time   time.Time `json:"time"`
	Card   int       `json:"card"`
	Field  string    `json:"field"`
	Reason string    `json:"reason"`
}

func (g Gap) String() string {
	return fmt.Sprintf("card %d: %s is not known: %s", g.Card, g.Field, g.Reason)
}

// Gaps are the fields without a figure in the card's readings so far, and the reasons.
func (c *Card) Gaps() []Gap { return c.gaps }

// BusAddress brings an address of NVML ("00000000:18:00.0") or of CUDA ("0000:18:00.0") into one
// form.
func BusAddress(s string) string {
	s = strings.ToLower(s)
	if domain, rest, ok := strings.Cut(s, ":"); ok && len(domain) == 8 && strings.HasPrefix(domain, "0000") {
		return domain[4:] + ":" + rest
	}
	return s
}
