package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"shake/csrc/load"
	"shake/cudnn/cuda"
	"shake/internal/gpustat"
)

// openCards opens NVML and lists at least one card. Its error says what is missing and gives a
// remedy.
func openCards() (*gpustat.Driver, []*gpustat.Card, error) {
	path, err := load.Find(load.NVML)
	if err != nil {
		return nil, nil, err
	}
	d, err := gpustat.Open(path)
	if err != nil {
		return nil, nil, err
	}
	cards, err := d.Cards()
	if err == nil && len(cards) == 0 {
		err = errors.New("the driver knows no card: none is plugged in, or the container was started without (--gpus all)")
	}
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	return d, cards, nil
}

// watched are the cards of this machine that have these UUIDs, or instances of MIG with them, and
// the UUIDs that no card here has.
func watched(all []*gpustat.Card, uuids []string) (cards []*gpustat.Card, others []string) {
	for _, u := range uuids {
		i := slices.IndexFunc(all, func(c *gpustat.Card) bool {
			return c.UUID == u || slices.ContainsFunc(c.Instances, func(p gpustat.Instance) bool { return p.UUID == u })
		})
		switch {
		case i < 0:
			others = append(others, u)
		case !slices.Contains(cards, all[i]):
			cards = append(cards, all[i])
		}
	}
	slices.SortFunc(cards, func(a, b *gpustat.Card) int { return a.Index - b.Index })
	return cards, others
}

// elsewhere is the notice on cards of a run that another machine has.
func elsewhere(uuids []string) string {
	return fmt.Sprintf("NVML of this machine does not know %s, which are on another one perhaps: no samples of them", strings.Join(uuids, ", "))
}

// cardInfo is a card in "shake devices": NVML's information, and the card's number among the ones
// that CUDA may use.
type cardInfo struct {
	*gpustat.Card
	CUDA   *int `json:"cuda_device"` // nil: CUDA does not see it, or cannot be asked
	hidden bool // CUDA was asked and does not see it
}

// inCUDA is a card in CUDA's view.
type inCUDA struct {
	ordinal         int
	name, bus, uuid string
	memory          int64
	capability      string
}

// cudaCards lists the cards in CUDA's view.
func cudaCards() ([]inCUDA, error) {
	devices, err := cuda.Devices()
	if err != nil {
		return nil, err
	}
	out := []inCUDA{}
	for _, d := range devices {
		major, minor := d.ComputeCapability()
		out = append(out, inCUDA{d.Ordinal(), d.Name(), d.PCIBusID(), d.UUID(), d.Memory(), fmt.Sprintf("%d.%d", major, minor)})
	}
	return out, nil
}

// merge combines the information of NVML and of CUDA about the cards; seen is nil if CUDA could not
// be asked. A card that only CUDA knows is listed too: a container may have one of the libraries
// and not the other.
func merge(cards []*gpustat.Card, seen []inCUDA) []cardInfo {
	out := []cardInfo{}
	for _, c := range cards {
		out = append(out, cardInfo{Card: c, hidden: seen != nil && !c.Lost})
	}
	for _, s := range seen {
		i := slices.IndexFunc(out, func(c cardInfo) bool { return c.Bus == gpustat.BusAddress(s.bus) })
		if i < 0 {
			i = len(out)
			out = append(out, cardInfo{Card: &gpustat.Card{
				Index: s.ordinal, Name: s.name, UUID: s.uuid, Bus: gpustat.BusAddress(s.bus), Capability: s.capability,
				Memory: gpustat.Figure(s.memory), PowerLimit: gpustat.Unknown,
			}})
		}
		if out[i].CUDA == nil { // of several instances of one card, the first
			out[i].CUDA, out[i].hidden = &s.ordinal, false
		}
	}
	return out
}

// libraryInfo is one of NVIDIA's libraries in "shake devices".
type libraryInfo struct {
	Name    string   `json:"name"` // "libcudnn"
	What    string   `json:"what"`
	Version string   `json:"version,omitempty"`
	Path    string   `json:"path,omitempty"`
	Others  []string `json:"others,omitempty"`  // other installed files of it, which are not used
	Support string   `json:"support,omitempty"` // whether the version is supported, in words
	Problem string   `json:"problem,omitempty"`
	Remedy  string   `json:"remedy,omitempty"` // of the problem
}

// needed are the libraries without which --device gpu does not work.
var needed = []string{load.CUDA.Name, load.NVRTC.Name, load.CUDNN.Name}

// libraries looks for every library that a GPU needs.
func libraries() []libraryInfo {
	var out []libraryInfo
	driver := ""
	for _, l := range []*load.Library{load.CUDA, load.NVRTC, load.CUDNN, load.NCCL, load.CUPTI, load.NVML} {
		info := libraryInfo{Name: l.Name, What: l.What}
		var err error
		if info.Path, info.Version, err = load.Look(l); err != nil {
			info.Problem, info.Remedy = problem(err, l)
		} else {
			supported := true
			if info.Support, supported = load.Judge(l, info.Version); !supported {
				info.Problem, info.Remedy = info.Support, l.Remedy
			}
			if l == load.CUDA {
				driver = info.Version
			}
			var wrong *load.BuildError
			if errors.As(load.FitsDriver(l, driver), &wrong) {
				info.Support = fmt.Sprintf("not supported: built for CUDA %s, and the driver runs %s at most", wrong.Built, wrong.Driver)
				info.Problem, info.Remedy = info.Support, wrong.Remedy
			}
			for _, other := range load.Candidates(l) {
				if !sameFile(other, info.Path) {
					info.Others = append(info.Others, other)
				}
			}
		}
		out = append(out, info)
	}
	return out
}

// problem splits an error of load into the fault and the remedy.
func problem(err error, l *load.Library) (what, remedy string) {
	var missing *load.NotFoundError
	var broken *load.OpenError
	switch {
	case errors.As(err, &missing):
		return "not found", missing.Remedy
	case errors.As(err, &broken):
		return fmt.Sprintf("%s cannot be opened: %s", broken.Path, broken.Reason), broken.Remedy
	}
	return err.Error(), l.Remedy
}
