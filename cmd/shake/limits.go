package main

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// limits are the limits of the control groups of this process, of either version: its own and those
// above it.
type limits struct {
	memory int64   // bytes; 0: no limit
	free   int64   // bytes below the tightest memory limit; -1: no limit
	cpus   float64 // processors' worth of time; 0: no limit
}

// readLimits walks from the process's groups up to the roots of their trees; the tightest limit
// holds.
func readLimits(read func(name string) string) limits {
	l := limits{free: -1}
	for _, dir := range groupFolders("", read) {
		value := func(name string) string { return read(path.Join(dir, name)) }
		for _, file := range []string{"memory.max", "memory.high"} {
			l.allow(number(value(file)), number(value("memory.current"))-number(field(value("memory.stat"), "inactive_file", " ")))
		}
		if quota, period, ok := strings.Cut(strings.TrimSpace(value("cpu.max")), " "); ok {
			l.share(number(quota), number(period))
		}
		l.share(count(value("cpuset.cpus.effective")), 1)
	}
	for _, dir := range groupFolders("memory", read) {
		value := func(name string) string { return read(path.Join(dir, name)) }
		stat := value("memory.stat")
		// Cached files count as used, but the system drops them on demand.
		used := number(value("memory.usage_in_bytes")) - number(field(stat, "total_inactive_file", " "))
		l.allow(number(value("memory.limit_in_bytes")), used)
		// This is the limit of a parent, which a container may not see.
		l.allow(number(field(stat, "hierarchical_memory_limit", " ")), used)
	}
	for _, dir := range groupFolders("cpu", read) {
		l.share(number(read(path.Join(dir, "cpu.cfs_quota_us"))), number(read(path.Join(dir, "cpu.cfs_period_us"))))
	}
	for _, dir := range groupFolders("cpuset", read) {
		l.share(count(read(path.Join(dir, "cpuset.cpus"))), 1)
		l.share(count(read(path.Join(dir, "cpuset.effective_cpus"))), 1)
	}
	return l
}

// allow takes a memory limit into account. A value that is not a number is no limit; nor is a value
// close to 2^63, version 1's form of no limit.
func (l *limits) allow(limit, used int64) {
	if limit <= 0 || limit >= 1<<60 {
		return
	}
	if l.memory == 0 || limit < l.memory {
		l.memory = limit
	}
	if free := max(limit-max(used, 0), 0); l.free < 0 || free < l.free {
		l.free = free
	}
}

// share takes so much of a period of processor time into account.
func (l *limits) share(quota, period int64) {
	if quota <= 0 || period <= 0 {
		return
	}
	if cpus := float64(quota) / float64(period); l.cpus == 0 || cpus < l.cpus {
		l.cpus = cpus
	}
}

// groupFolders returns the folder of the process's group in the tree of a controller of version 1,
// or of version 2 for "", and the folders above it, without the leading slash.
func groupFolders(controller string, read func(name string) string) (dirs []string) {
	group, found := "", false
	for line := range strings.Lines(read("proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && (controller == "" && parts[0] == "0" && parts[1] == "" || controller != "" && slices.Contains(strings.Split(parts[1], ","), controller)) {
			group, found = path.Clean("/"+parts[2]), true
		}
	}
	if !found {
		return nil
	}
	top, root := path.Join("sys/fs/cgroup", controller), "/"
	for line := range strings.Lines(read("proc/self/mountinfo")) {
		before, after, _ := strings.Cut(line, " - ")
		at, of := strings.Fields(before), strings.Fields(after)
		if len(at) < 5 || len(of) < 3 {
			continue
		}
		if controller == "" && of[0] == "cgroup2" || controller != "" && of[0] == "cgroup" && slices.Contains(strings.Split(of[2], ","), controller) {
			top, root = strings.TrimPrefix(path.Clean(at[4]), "/"), at[3]
			break
		}
	}
	// In a container the tree may be mounted from the group on, under the machine's name for the
	// group.
	if rest, below := strings.CutPrefix(group, strings.TrimSuffix(root, "/")); below {
		group = path.Clean("/" + rest)
	} else {
		group = "/"
	}
	for ; ; group = path.Dir(group) {
		dirs = append(dirs, path.Join(top, group))
		if group == "/" {
			return dirs
		}
	}
}

// count returns the number of integers in a list such as "0-3,7", and 0 if it is not such a list.
func count(list string) (n int64) {
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.ParseUint(first, 10, 31)
		b := a
		if err == nil && isRange {
			b, err = strconv.ParseUint(last, 10, 31)
		}
		if err != nil || b < a {
			return 0
		}
		n += int64(b-a) + 1
	}
	return n
}
