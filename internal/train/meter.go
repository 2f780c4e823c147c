package train

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Meter watches the cards of a run. It works on its own, from Begin to End, and never delays the
// run; the calls come from the goroutine of Run.
type Meter interface {
	// Begin starts to watch those of these cards (engine.Info.Cards) that this machine has. It
	// continues the records of the run's earlier processes in dir.
	Begin(dir string, cards []string) error
	// Notices returns the news for the user since the last call: a lost card, an unavailable
	// figure.
	Notices() []string
	// Use returns the run's use of each card so far, over all of its processes.
	Use() []CardUse
	// Picture draws memory, utilisation, power and temperature of every card as "svg" or "png";
	// nil if no data exist yet.
	Picture(title, format string) ([]byte, error)
	// End stops watching. The records stay.
	End()
}

// CardUse is a run's use of one card. A figure that the driver did not report is nil.
type CardUse struct {
	Card        int      `json:"card"` // its number among the machine's cards
	Name        string   `json:"name"`
	UUID        string   `json:"uuid"`
	MemoryTotal *int64   `json:"memory_total"`     // bytes
	PeakMemory  *int64   `json:"peak_memory"`      // bytes, of all programs on the card
	Utilization *float64 `json:"mean_utilization"` // per cent of the time in which a kernel ran
	MeanPower   *float64 `json:"mean_power"`       // W, of the whole card; samples have equal weight
	EnergyKWh   *float64 `json:"energy_kwh"`       // of the whole card, during the run
	// The highest temperature, in degrees Celsius.
	MaxTemperature *float64 `json:"max_temperature"`
	// Per cent of the samples in which power or heat held the clocks back, and which of them did.
	Slowed   *float64 `json:"slowed"`
	SlowedBy []string `json:"slowed_by,omitempty"`
	// Bytes a second, means of the samples. A card without NVLink has none.
	PCIeSent       *float64 `json:"pcie_sent"`
	PCIeReceived   *float64 `json:"pcie_received"`
	NVLinkSent     *float64 `json:"nvlink_sent"`
	NVLinkReceived *float64 `json:"nvlink_received"`
	Lost           bool     `json:"lost,omitempty"` // the card stopped answering
}

// GPUSamplesFile is the journal that a Meter keeps in the run directory.
const GPUSamplesFile = "gpu.jsonl"

// watch starts the meter. A failure to watch does not stop the training.
func (r *run) watch() {
	cards := r.prog.Info().Cards
	if r.o.Meter == nil || len(cards) == 0 {
		return
	}
	if err := r.o.Meter.Begin(r.dir.dir, cards); err != nil {
		r.obs.Notice(fmt.Sprintf("the cards are not watched: %v", err))
		return
	}
	r.meter = r.o.Meter
}

// metered passes the meter's notices on.
func (r *run) metered() {
	if r.meter == nil {
		return
	}
	for _, n := range r.meter.Notices() {
		r.obs.Notice(n)
	}
}

// unwatch ends the meter's work, so that the record has its last figures.
func (r *run) unwatch() {
	if r.meter == nil {
		return
	}
	r.meter.End()
	r.metered()
}

func (r *run) meterFiles() []string { return []string{r.dir.path("gpu.svg"), r.dir.path("gpu.png")} }

// plotCards draws the meter's pictures. They can be drawn again from gpu.jsonl, so a failure is
// only a notice.
func (r *run) plotCards() {
	if r.meter == nil || r.o.plain {
		return
	}
	for _, file := range r.meterFiles() {
		b, err := r.meter.Picture(r.spec.Name, file[strings.LastIndexByte(file, '.')+1:])
		if err == nil && b != nil {
			err = r.dir.store.writeBytes(file, b)
		}
		if err != nil {
			r.obs.Notice(fmt.Sprintf("the cards' curves are not drawn: %v", err))
			return
		}
	}
}

// pictures lists the pictures that are in the run directory.
func (r *run) pictures() []string {
	var out []string
	for _, f := range append(r.curveFiles(), r.meterFiles()...) {
		if _, err := os.Stat(f); err == nil {
			out = append(out, f)
		}
	}
	return out
}

// plotDue tells whether new pictures are due, and notes that they are made.
func (r *run) plotDue(last bool) bool {
	if r.o.plain || !last && time.Since(r.plotted) < plotEvery {
		return false
	}
	r.plotted = time.Now()
	return true
}
