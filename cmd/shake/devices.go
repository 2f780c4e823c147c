package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	kernel "shake/csrc/cpu"
	"shake/csrc/load"
	"shake/internal/engine/gpu"
	"shake/internal/gpustat"
	"shake/internal/report"
)

// deviceReport is the output of "shake devices".
type deviceReport struct {
	Devices []deviceInfo `json:"devices"`
	Driver  *driverInfo  `json:"driver"` // null: NVML cannot be asked
	// Empty: there are none, or neither library can be asked.
	Cards   []cardInfo `json:"cards"`
	NoCards string     `json:"no_cards,omitempty"` // the reason for an empty list
	// The reason why --device gpu cannot be used.
	Unusable  string        `json:"unusable,omitempty"`
	Limits    []string      `json:"limits,omitempty"` // limits by control groups
	Libraries []libraryInfo `json:"libraries"`
	Looked    []string      `json:"looked"` // the places searched for libraries, in order
}

// deviceInfo is a value of --device that needs no card.
type deviceInfo struct {
	Name        string `json:"name"`
	What        string `json:"what"`
	ISA         string `json:"isa,omitempty"`
	Cores       int    `json:"cores"`
	MemoryTotal int64  `json:"memory_total,omitempty"`
	MemoryFree  int64  `json:"memory_free,omitempty"`
}

type driverInfo struct {
	Version string `json:"version"`
	CUDA    string `json:"cuda"` // the newest CUDA that it runs
}

func (a *app) devicesCmd() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "devices",
		Short: "List what a network can run on here",
		Long: `devices lists the processor, the cards with what NVIDIA's driver tells of them, and the
libraries that a card needs: their versions, where each was found, what is missing and how
to get it. It works on a machine without any of them.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			isa, err := kernel.ISA()
			if err != nil {
				return exit(exitUsage, err)
			}
			r := lookAround(isa)
			if asJSON {
				return a.printJSON(r)
			}
			return printDevices(a.out, r)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func lookAround(isa string) deviceReport {
	m := thisMachine()
	r := deviceReport{
		Devices: []deviceInfo{
			{"cpu", m.CPU, isa, m.CPUs, m.MemoryTotal, m.MemoryFree},
			{"ref", "float64 reference in plain Go: slow, for checking", "", 1, m.MemoryTotal, m.MemoryFree},
		},
		Limits: m.Limits, Libraries: libraries(), Looked: load.Places(),
	}
	r.Unusable = unusable(r.Libraries)
	seen, _ := cudaCards() // Unusable has the reason for an error
	d, cards, err := openCards()
	r.Cards = merge(cards, seen)
	if err != nil && len(r.Cards) == 0 {
		r.NoCards, _ = problem(err, load.NVML)
		if as[*load.NotFoundError](err) {
			r.NoCards = "no NVIDIA driver here (" + load.NVML.Files[0] + " not found)"
		}
	}
	if err != nil {
		return r
	}
	defer d.Close()
	r.Driver = &driverInfo{d.Version(), d.CUDA()}
	for i := range r.Libraries {
		if l := &r.Libraries[i]; l.Name == load.NVML.Name {
			l.Version = d.Version()
		}
	}
	return r
}

// unusable is the reason why --device gpu cannot be used; "" if it can.
func unusable(found []libraryInfo) string {
	var missing, old []string
	for _, l := range found {
		switch {
		case l.Problem == "" || !slices.Contains(needed, l.Name):
		case l.Path == "":
			missing = append(missing, l.Name)
		default:
			old = append(old, fmt.Sprintf("%s %s is %s", l.Name, l.Version, l.Problem))
		}
	}
	if missing != nil {
		return "it needs " + strings.Join(missing, ", ")
	}
	if old != nil {
		return strings.Join(old, "; ")
	}
	if err := gpu.Available(); err != nil {
		return err.Error()
	}
	return ""
}

func printDevices(w io.Writer, r deviceReport) error {
	var b strings.Builder
	for _, d := range r.Devices {
		fmt.Fprintf(&b, "%-4s %s", d.Name, orUnknown(d.What))
		if d.ISA != "" {
			fmt.Fprintf(&b, ", %s", d.ISA)
		}
		fmt.Fprintf(&b, ", %s", report.Plural(d.Cores, "core"))
		if d.MemoryTotal > 0 {
			fmt.Fprintf(&b, ", %s free of %s", report.Bytes(d.MemoryFree), report.Bytes(d.MemoryTotal))
		}
		b.WriteString("\n")
		for _, l := range r.Limits {
			if d.Name == "cpu" {
				fmt.Fprintf(&b, "     %s\n", l)
			}
		}
	}
	for _, c := range r.Cards {
		b.WriteString("gpu  " + cardLine(c) + "\n")
		for _, i := range c.Instances {
			fmt.Fprintf(&b, "       %s, %s of %s in use, %s\n", i.Name, gibibytes(i.Used), gibibytes(i.Memory), i.UUID)
		}
		if c.MIG {
			b.WriteString("       MIG is on: CUDA sees one instance, the first or that of CUDA_VISIBLE_DEVICES=MIG-...\n")
		}
	}
	if r.NoCards != "" {
		fmt.Fprintf(&b, "gpu  none: %s\n", r.NoCards)
	} else if r.Unusable != "" {
		fmt.Fprintf(&b, "     --device gpu cannot be used: %s\n", r.Unusable)
	}
	if r.Driver != nil {
		fmt.Fprintf(&b, "     driver %s, runs CUDA up to %s\n", r.Driver.Version, r.Driver.CUDA)
	}
	t := report.Table{Columns: []report.Column{{Title: "library"}, {Title: "version"}, {Title: "supported"}, {Title: "found"}}}
	for _, l := range r.Libraries {
		where, version := l.Path, any(l.Version)
		switch {
		case l.Problem != "" && l.Path == "":
			where, version = l.Problem, nil
		case l.Problem != "":
			where = l.Problem + ": " + l.Path
		}
		t.Rows = append(t.Rows, []any{l.Name, version, verdict(l), where})
		for _, o := range l.Others {
			t.Rows = append(t.Rows, []any{"", nil, nil, "also " + o + ", not used"})
		}
	}
	b.WriteString("\n")
	if err := t.Text(&b); err != nil {
		return err
	}
	printMissing(&b, r)
	_, err := io.WriteString(w, report.Plain(b.String()))
	return err
}

// verdict tells in few words whether a library's version is supported; nil for a missing library or
// one without a rule.
func verdict(l libraryInfo) any {
	switch {
	case l.Support == "" || l.Path == "":
		return nil
	case l.Support == "supported":
		return "yes"
	}
	return l.Support
}

// printMissing gives the remedies for missing libraries and cards.
func printMissing(b *strings.Builder, r deviceReport) {
	first := true
	for _, l := range r.Libraries {
		if l.Remedy == "" {
			continue
		}
		if first {
			b.WriteString("\nto train on a card:\n")
			first = false
		}
		fmt.Fprintf(b, "  %-13s %s: %s\n", l.Name, l.What, l.Remedy)
	}
	if !first {
		fmt.Fprintf(b, "  a library that is elsewhere: %s=FOLDER. Looked in %s\n", load.PathVariable, strings.Join(r.Looked, ", "))
	}
}

// cardLine is a card in one line.
func cardLine(c cardInfo) string {
	if c.Lost {
		return fmt.Sprintf("%d: does not answer: %s", c.Index, c.Gaps()[0].Reason)
	}
	parts := []string{fmt.Sprintf("%d: %s", c.Index, c.Name)}
	if c.Memory.Known() {
		parts = append(parts, gibibytes(c.Memory))
	}
	if c.Capability != "" {
		parts = append(parts, "compute capability "+c.Capability)
	}
	if c.PowerLimit.Known() {
		parts = append(parts, fmt.Sprintf("%.0f W", c.PowerLimit))
	}
	parts = append(parts, c.Bus)
	switch {
	case c.hidden:
		parts = append(parts, "hidden from CUDA by CUDA_VISIBLE_DEVICES")
	case c.CUDA != nil && *c.CUDA != c.Index:
		parts = append(parts, fmt.Sprintf("CUDA's device %d", *c.CUDA))
	}
	return strings.Join(parts, ", ")
}

// gibibytes prints a size of memory of a card.
func gibibytes(f gpustat.Figure) string {
	if !f.Known() {
		return "?"
	}
	return fmt.Sprintf("%.1f GiB", f/(1<<30))
}

// sameFile tells whether two paths lead to one file.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y) || filepath.Clean(a) == filepath.Clean(b)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown processor"
	}
	return s
}
