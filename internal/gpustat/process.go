package gpustat

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Naming gives processes their names. It keeps a name as long as calls of Name list its process.
type Naming struct {
	driver *Driver
	known  map[int]*named
	turn   int
}

type named struct {
	Process
	turn int // the last one that listed it
}

// forgotten is the number of turns without a process after which its name is dropped: its number
// may belong to another process by then.
const forgotten = 64

// Naming starts with no names.
func (d *Driver) Naming() *Naming { return &Naming{driver: d, known: map[int]*named{}} }

// Name fills in the names of the processes of one card, and marks the ones that run this program.
func (n *Naming) Name(ps []Process) {
	n.turn++
	for i := range ps {
		p := n.known[ps[i].PID]
		if p == nil {
			p = &named{Process: n.look(ps[i].PID)}
			n.known[ps[i].PID] = p
		}
		p.turn = n.turn
		ps[i].Name, ps[i].User, ps[i].Shake = p.Name, p.User, p.Shake
	}
	for pid, p := range n.known {
		if n.turn-p.turn > forgotten {
			delete(n.known, pid)
		}
	}
}

// owner is the user whose process has a folder in /proc; "" if there is none here.
func owner(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	id := strconv.Itoa(int(s.Uid))
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// look takes the name from the system, or else from the driver.
func (n *Naming) look(pid int) Process {
	p := Process{PID: pid}
	dir := fmt.Sprintf("/proc/%d/", pid)
	// The process may belong to another user, or have ended; then the driver may know its name.
	line, _ := os.ReadFile(dir + "cmdline")
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
	p.User = owner(dir)
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
