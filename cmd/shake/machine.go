package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"shake/internal/report"
)

// machine is the operating system's information about the machine. Empty and zero mean that it
// gives none.
type machine struct {
	CPU string
	// CPUs is the number of processors that this process may use at once: those of the machine,
	// within its affinity and its control groups.
	CPUs        int
	MemoryTotal int64    // bytes, within the limits of the control groups
	MemoryFree  int64    // bytes that are free without swapping
	Limits      []string // the limits of control groups, in words
}

// thisMachine reads Linux's /proc and control groups of both versions; elsewhere it knows the
// number of processors.
func thisMachine() machine {
	return readMachine(runtime.NumCPU(), func(name string) string {
		b, err := os.ReadFile("/" + name)
		if err != nil {
			return ""
		}
		return string(b)
	})
}

// readMachine is thisMachine with a replaceable reader of files; "" stands for a missing file. cpus
// are those of the affinity.
func readMachine(cpus int, read func(name string) string) machine {
	mem := read("proc/meminfo")
	m := machine{
		CPU:         field(read("proc/cpuinfo"), "model name", ":"),
		CPUs:        cpus,
		MemoryTotal: 1024 * number(strings.TrimSuffix(field(mem, "MemTotal", ":"), " kB")),
		MemoryFree:  1024 * number(strings.TrimSuffix(field(mem, "MemAvailable", ":"), " kB")),
	}
	l := readLimits(read)
	if l.memory > 0 && (m.MemoryTotal == 0 || l.memory < m.MemoryTotal) {
		m.MemoryTotal = l.memory
		m.Limits = append(m.Limits, fmt.Sprintf("a control group allows %s of memory", report.Bytes(l.memory)))
	}
	if l.free >= 0 {
		m.MemoryFree = min(m.MemoryFree, l.free)
	}
	if l.cpus > 0 && l.cpus < float64(cpus) {
		m.CPUs = int(math.Ceil(l.cpus))
		m.Limits = append(m.Limits, fmt.Sprintf("a control group allows %.4g of %s", l.cpus, report.Plural(cpus, "core")))
	}
	return m
}

// field returns the value of the first line made of name, sep and value.
func field(text, name, sep string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, sep); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// number reads a whole number; for other text it returns 0.
func number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
