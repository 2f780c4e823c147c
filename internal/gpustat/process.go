package gpustat

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Naming gives processes their names, and remembers them.
type Naming struct {
	driver *Driver
	known  map[int]Process
}

// Naming starts with no names.
func (d *Driver) Naming() *Naming { return &Naming{d, map[int]Process{}} }

// Name fills in the names of processes, and which of them run this program. Names are forgotten with their processes.
func (n *Naming) Name(ps []Process) {
	for i := range ps {
		p, ok := n.known[ps[i].PID]
		if !ok {
			p = n.look(ps[i].PID)
			n.known[p.PID] = p
		}
		ps[i].Name, ps[i].Shake = p.Name, p.Shake
	}
}

// Forget drops the names of processes that are not in any of the lists.
func (n *Naming) Forget(lists ...[]Process) {
	seen := map[int]bool{}
	for _, l := range lists {
		for _, p := range l {
			seen[p.PID] = true
		}
	}
	for pid := range n.known {
		if !seen[pid] {
			delete(n.known, pid)
		}
	}
}

// look asks the system, and where that does not tell, the driver.
func (n *Naming) look(pid int) Process {
	p := Process{PID: pid}
	dir := fmt.Sprintf("/proc/%d/", pid)
	line, _ := os.ReadFile(dir + "cmdline") // a process of someone else, or one that has ended: the driver may know
	args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	if args[0] != "" {
		p.Name = strings.Join(append([]string{filepath.Base(args[0])}, args[1:]...), " ")
	} else if name, r := n.driver.lib.SystemGetProcessName(pid); r == nvml.SUCCESS {
		p.Name = name
	}
	p.Name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, p.Name)
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return p
	}
	if exe, err := os.Stat(dir + "exe"); err == nil {
		p.Shake = os.SameFile(self, exe)
	} else {
		p.Shake = args[0] != "" && filepath.Base(args[0]) == filepath.Base(os.Args[0])
	}
	return p
}
