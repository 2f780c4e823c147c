package launch

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// NCCL's syntax: beginnings of names, whole names behind =, and ^ for all others.
func TestChoice(t *testing.T) {
	names := []string{"lo", "eth0", "eth1", "eth10", "ib0", "docker0"}
	for s, want := range map[string]string{
		"eth":       "eth0 eth1 eth10",
		"eth1":      "eth1 eth10",
		"=eth1":     "eth1",
		"=eth":      "",
		"eth0,ib":   "eth0 ib0",
		"=eth0, lo": "lo eth0",
		"^docker,l": "eth0 eth1 eth10 ib0",
		"^=eth1,lo": "eth0 eth10 ib0 docker0",
		"ib0:2":     "ib0",
		"wlan":      "",
	} {
		c := parseChoice(s)
		have := strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !c.takes(n) }), " ")
		if have != want {
			t.Errorf("%s: have %s, want %s", s, have, want)
		}
	}
}

// loopback is the name and an address of the loopback interface.
func loopback(t *testing.T) (name, address string) {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		own, _ := i.Addrs()
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsLoopback() && n.IP.To4() != nil {
				return i.Name, n.IP.String()
			}
		}
	}
	t.Skip("no loopback interface here")
	return "", ""
}

// Rank 0 listens on the chosen interface and where its name leads to, and nowhere else.
func TestInterfaces(t *testing.T) {
	lo, at := loopback(t)
	p := place(0, 2)
	p.Host = "192.0.2.7" // a service's address, of no machine
	for chosen, want := range map[string]string{"": "", "=" + lo: at} {
		have, err := p.addresses(chosen)
		if err != nil || !slices.Contains(have, want) || want == "" && len(have) != 1 {
			t.Errorf("%q: have %q, %v, want %q", chosen, have, err, want)
		}
		for _, a := range have {
			if ip := net.ParseIP(a); a != "" && (ip == nil || !ip.IsLoopback()) {
				t.Errorf("%q: have %s", chosen, a)
			}
		}
	}
	if _, err := p.addresses("=nosuch0"); err == nil || !strings.Contains(err.Error(), "NCCL_SOCKET_IFNAME==nosuch0: no such interface with an address here, of ") || !strings.Contains(err.Error(), lo) {
		t.Errorf("no such interface: %v", err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		p.Host = host
		if have, err := p.addresses("=nosuch0"); err != nil || have[0] != "127.0.0.1" {
			t.Errorf("%s: have %q, %v", host, have, err)
		}
	}
}

// The ranks meet on the interface that NCCL_SOCKET_IFNAME chooses.
func TestMeetOnInterface(t *testing.T) {
	lo, at := loopback(t)
	t.Setenv(Interfaces, "="+lo)
	zero, one := place(0, 2), place(1, 2)
	zero.Host = "192.0.2.7"
	one.Port = zero.ports()[0] // its own are those of another host
	one.Host = at
	var all sync.WaitGroup
	for _, p := range []*Place{zero, one} {
		all.Go(func() {
			conns, err := p.Meet(context.Background(), 20*time.Second, nil)
			if err != nil {
				t.Errorf("rank %d: %v", p.Rank, err)
			}
			closeAll(conns)
		})
	}
	all.Wait()
}
