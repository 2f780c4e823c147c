package main

import (
	"testing"

	"shake/nets"
)

func TestReadMachine(t *testing.T) {
	const proc = "MemTotal:       1000 kB\nMemFree:          10 kB\nMemAvailable:    800 kB\n"
	files := map[string]string{"proc/meminfo": proc, "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU: fast\n"}
	limited := map[string]string{
		"proc/meminfo": proc, "proc/self/cgroup": "1:cpu:/\n0::/a/b\n",
		"sys/fs/cgroup/a/memory.max":     "512000\n",
		"sys/fs/cgroup/a/memory.current": "300000\n",
		"sys/fs/cgroup/a/memory.stat":    "anon 7\ninactive_file 100000\n",
		"sys/fs/cgroup/a/b/memory.max":   "max\n",
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  machine
	}{
		{"no files", nil, machine{}},
		{"no groups", files, machine{"Some CPU: fast", 1024000, 819200}},
		{"limit of a parent", limited, machine{"", 512000, 312000}},
	} {
		if have := readMachine(func(n string) string { return c.files[n] }); have != c.want {
			t.Errorf("%s: have %+v, want %+v", c.name, have, c.want)
		}
	}
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
		if err := fits(spec, c.total); (err == nil) != c.ok {
			t.Errorf("memory of %d bytes: error %v, want ok %v", c.total, err, c.ok)
		}
	}
}
