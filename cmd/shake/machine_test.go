package main

import (
	"path"
	"reflect"
	"strings"
	"testing"

	"shake/nets"
)

// The limits of control groups in the trees of both versions, on machines and in containers.
func TestReadMachine(t *testing.T) {
	const proc = "MemTotal:       1000 kB\nMemFree:          10 kB\nMemAvailable:    800 kB\n"
	const v2mount = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	const v1mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
		"34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n" +
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  machine
		says  string
	}{
		{"no files", nil, machine{CPUs: 8}, ""},
		{"no groups", map[string]string{"proc/meminfo": proc, "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU: fast\n"},
			machine{CPU: "Some CPU: fast", CPUs: 8, MemoryTotal: 1024000, MemoryFree: 819200}, ""},
		{"version 2, limits of a parent and of its own", map[string]string{
			"proc/meminfo": proc, "proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": v2mount,
			"sys/fs/cgroup/a/memory.max":     "512000\n",
			"sys/fs/cgroup/a/memory.current": "300000\n",
			"sys/fs/cgroup/a/memory.stat":    "anon 7\ninactive_file 100000\n",
			"sys/fs/cgroup/a/b/memory.max":   "max\n",
			"sys/fs/cgroup/a/b/cpu.max":      "150000 100000\n",
			"sys/fs/cgroup/a/cpu.max":        "max 100000\n",
		}, machine{CPUs: 2, MemoryTotal: 512000, MemoryFree: 312000}, "a control group allows 500.0 KiB of memory; a control group allows 1.5 of 8 cores"},
		{"version 2, the throttle before the limit", map[string]string{
			"proc/meminfo": proc, "proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": v2mount,
			"sys/fs/cgroup/a/memory.high": "409600\n", "sys/fs/cgroup/a/memory.max": "512000\n", "sys/fs/cgroup/a/memory.current": "0\n",
		}, machine{CPUs: 8, MemoryTotal: 409600, MemoryFree: 409600}, "400.0 KiB"},
		{"version 2, in a container that sees its own group as the root", map[string]string{
			"proc/meminfo": proc, "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2mount,
			"sys/fs/cgroup/memory.max": "512000\n", "sys/fs/cgroup/memory.current": "12000\n", "sys/fs/cgroup/cpuset.cpus.effective": "0-1,6\n",
		}, machine{CPUs: 3, MemoryTotal: 512000, MemoryFree: 500000}, "3 of 8"},
		{"version 2, no mount table", map[string]string{"proc/meminfo": proc, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "512000\n"},
			machine{CPUs: 8, MemoryTotal: 512000, MemoryFree: 512000}, "500.0 KiB"},
		{"version 1", map[string]string{
			"proc/meminfo": proc, "proc/self/mountinfo": v1mounts,
			"proc/self/cgroup": "9:memory:/jobs/7\n4:cpuset:/jobs\n3:cpu,cpuacct:/jobs/7\n0::/\n",
			"sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/jobs/memory.limit_in_bytes":   "512000\n",
			"sys/fs/cgroup/memory/jobs/memory.usage_in_bytes":   "300000\n",
			"sys/fs/cgroup/memory/jobs/memory.stat":             "inactive_file 1\ntotal_inactive_file 100000\n",
			"sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us": "250000\n", "sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpuset/jobs/cpuset.cpus": "0-3\n",
		}, machine{CPUs: 3, MemoryTotal: 512000, MemoryFree: 312000}, "2.5 of 8 cores"},
		{"version 1, in a container that sees the machine's names", map[string]string{
			"proc/meminfo": proc, "proc/self/cgroup": "5:memory:/docker/4f\n",
			"proc/self/mountinfo":                        "35 31 0:32 /docker/4f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "512000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "512001\n",
		}, machine{CPUs: 8, MemoryTotal: 512000}, "500.0 KiB"},
		{"version 1, a parent out of sight", map[string]string{
			"proc/meminfo": proc, "proc/self/cgroup": "5:memory:/x\n", "proc/self/mountinfo": v1mounts,
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/x/memory.stat":           "hierarchical_memory_limit 512000\n",
			"sys/fs/cgroup/memory/x/memory.usage_in_bytes": "12000\n",
		}, machine{CPUs: 8, MemoryTotal: 512000, MemoryFree: 500000}, "500.0 KiB"},
		{"nonsense", map[string]string{
			"proc/meminfo": proc, "proc/self/cgroup": ":::\n0::/../../a\nx\n", "proc/self/mountinfo": "- - -\n 1 2\n" + v2mount,
			"sys/fs/cgroup/memory.max": "-5\n", "sys/fs/cgroup/cpu.max": "0 0\n", "sys/fs/cgroup/cpuset.cpus.effective": "9-1,,x,4294967295-99999999999\n",
		}, machine{CPUs: 8, MemoryTotal: 1024000, MemoryFree: 819200}, ""},
	} {
		have := readMachine(8, func(n string) string { return c.files[n] })
		says := strings.Join(have.Limits, "; ")
		have.Limits = nil
		if !reflect.DeepEqual(have, c.want) || !strings.Contains(says, c.says) || c.says == "" && says != "" {
			t.Errorf("%s: have %+v (%s), want %+v (%s)", c.name, have, says, c.want, c.says)
		}
	}
}

// FuzzMachine reads files of /proc and control groups of any content: limits are no larger than the
// machine and not negative.
func FuzzMachine(f *testing.F) {
	const proc = "MemTotal:       1000 kB\nMemAvailable:    800 kB\n"
	f.Add(proc, "0::/a/b\n9:memory:/jobs/7\n3:cpu,cpuacct:/jobs\n4:cpuset:/\n", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n35 31 0:32 /docker /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", "512000\n", "inactive_file 7\nhierarchical_memory_limit 512000\n", "150000 100000\n", "0-3,7\n")
	f.Add("MemTotal: -5 kB\n", "0::/../..\n:::\n", "- - -\n", "9223372036854771712", "inactive_file -9223372036854775808", "max 100000", "4294967295-99999999999,,9-1")
	f.Add("MemAvailable: 99999999999999999999 kB", "0::\n", "1 2 3 4 5 6 - cgroup2", "-1", "", "1 9223372036854775807", "0-2147483647,0-2147483647,0-2147483647")
	f.Fuzz(func(t *testing.T, mem, groups, mounts, limit, stat, quota, set string) {
		m := readMachine(8, func(name string) string {
			switch path.Base(name) {
			case "meminfo":
				return mem
			case "cgroup":
				return groups
			case "mountinfo":
				return mounts
			case "memory.max", "memory.high", "memory.current", "memory.limit_in_bytes", "memory.usage_in_bytes":
				return limit
			case "memory.stat":
				return stat
			case "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us":
				return quota
			case "cpuset.cpus", "cpuset.cpus.effective", "cpuset.effective_cpus":
				return set
			}
			return ""
		})
		if m.CPUs < 1 || m.CPUs > 8 || len(m.Limits) > 0 && m.MemoryFree < 0 && number(strings.TrimSuffix(field(mem, "MemAvailable", ":"), " kB")) >= 0 {
			t.Fatalf("%+v", m)
		}
	})
}

func TestFits(t *testing.T) {
	spec, err := nets.Load("quick")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		total int64
		ok    bool
	}{{1 << 40, true}, {0, true}, {1 << 20, false}} {
		if err := fits(spec, machine{MemoryTotal: c.total}); (err == nil) != c.ok {
			t.Errorf("memory of %d bytes: error %v, want ok %v", c.total, err, c.ok)
		}
	}
}
