package main

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// machine is what the operating system tells of itself. Empty and zero mean that it does not.
type machine struct {
	CPU         string
	MemoryTotal int64 // bytes, no more than the process's control group may use
	MemoryFree  int64 // bytes that can be had without swapping
}

// thisMachine reads Linux's /proc and version 2 control groups; elsewhere it knows nothing.
func thisMachine() machine {
	return readMachine(func(name string) string {
		b, err := os.ReadFile("/" + name)
		if err != nil {
			return ""
		}
		return string(b)
	})
}

// readMachine is thisMachine over any way of reading files; "" stands for a file that is not there.
func readMachine(read func(name string) string) machine {
	mem := read("proc/meminfo")
	m := machine{
		CPU:         field(read("proc/cpuinfo"), "model name", ":"),
		MemoryTotal: 1024 * number(strings.TrimSuffix(field(mem, "MemTotal", ":"), " kB")),
		MemoryFree:  1024 * number(strings.TrimSuffix(field(mem, "MemAvailable", ":"), " kB")),
	}
	group := field(read("proc/self/cgroup"), "0", "::")
	if group == "" {
		return m
	}
	// Every group up to the root may set a limit; the tightest one holds.
	for ; ; group = path.Dir(group) {
		dir := path.Join("sys/fs/cgroup", group)
		if limit := number(read(path.Join(dir, "memory.max"))); limit > 0 {
			// Cached files count as used but give way.
			used := number(read(path.Join(dir, "memory.current"))) - number(field(read(path.Join(dir, "memory.stat")), "inactive_file", " "))
			m.MemoryTotal = min(m.MemoryTotal, limit)
			m.MemoryFree = min(m.MemoryFree, max(limit-used, 0))
		}
		if group == "/" || group == "." {
			return m
		}
	}
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

// number reads a whole number; 0 if s is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
