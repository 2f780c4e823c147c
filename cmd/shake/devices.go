package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	cpukernels "shake/csrc/cpu"
	"shake/internal/report"
)

// deviceInfo is one line of "shake devices".
type deviceInfo struct {
	Name        string `json:"name"`
	What        string `json:"what"`
	ISA         string `json:"isa,omitempty"`
	Cores       int    `json:"cores"`
	MemoryTotal int64  `json:"memory_total,omitempty"`
	MemoryFree  int64  `json:"memory_free,omitempty"`
}

func (a *app) devicesCmd() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "devices",
		Short: "List what a network can run on here",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			isa, err := cpukernels.ISA()
			if err != nil {
				return exit(exitUsage, err)
			}
			m := thisMachine()
			ds := []deviceInfo{
				{"cpu", m.CPU, isa, runtime.NumCPU(), m.MemoryTotal, m.MemoryFree},
				{"ref", "float64 reference in plain Go: slow, for checking", "", 1, m.MemoryTotal, m.MemoryFree},
			}
			if asJSON {
				return a.printJSON(ds)
			}
			printDevices(a.out, ds)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printDevices(w io.Writer, ds []deviceInfo) {
	for _, d := range ds {
		fmt.Fprintf(w, "%-4s %s", d.Name, orUnknown(d.What))
		if d.ISA != "" {
			fmt.Fprintf(w, ", %s", d.ISA)
		}
		fmt.Fprintf(w, ", %s", report.Plural(d.Cores, "core"))
		if d.MemoryTotal > 0 {
			fmt.Fprintf(w, ", %s free of %s", report.Bytes(d.MemoryFree), report.Bytes(d.MemoryTotal))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "gpu  not in this build: it has no GPU support")
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown processor"
	}
	return s
}
