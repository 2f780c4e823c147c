package launch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Interfaces is the variable by which NCCL chooses the interfaces of its sockets.
const Interfaces = "NCCL_SOCKET_IFNAME"

// choice is a choice of interfaces in NCCL's syntax: names, or beginnings of names, apart by
// commas. A ^ before them all excludes them, a = (or ^=) says that they are whole names.
type choice struct {
	names           []string
	excludes, whole bool
}

func parseChoice(s string) (c choice) {
	s, c.excludes = strings.CutPrefix(s, "^")
	s, c.whole = strings.CutPrefix(s, "=")
	for name := range strings.SplitSeq(s, ",") {
		name, _, _ = strings.Cut(strings.TrimSpace(name), ":") // NCCL's ports
		if name != "" {
			c.names = append(c.names, name)
		}
	}
	return c
}

func (c choice) takes(name string) bool {
	named := slices.ContainsFunc(c.names, func(n string) bool {
		return name == n || !c.whole && strings.HasPrefix(name, n)
	})
	return named != c.excludes
}

// addresses are where rank 0 listens: on this machine alone if the others find it there; else on
// the chosen interfaces and where Host is, by which the others look for it; without a choice, on
// all interfaces (""), since a name may stand for several.
func (p *Place) addresses(chosen string) ([]string, error) {
	if p.Host == "localhost" {
		return []string{"127.0.0.1", "::1"}, nil
	}
	if ip := net.ParseIP(p.Host); ip != nil && ip.IsLoopback() {
		return []string{p.Host}, nil
	}
	c := parseChoice(chosen)
	if c.names == nil {
		return []string{""}, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	hosts, _ := net.DefaultResolver.LookupIPAddr(ctx, p.Host) // a service has no address here
	var names, out []string
	matched := false
	for _, i := range all {
		names = append(names, i.Name)
		takes := c.takes(i.Name)
		own, _ := i.Addrs()
		for _, a := range own {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			at := net.IPAddr{IP: n.IP}
			if n.IP.IsLinkLocalUnicast() && n.IP.To4() == nil {
				at.Zone = i.Name
			}
			if takes || slices.ContainsFunc(hosts, func(h net.IPAddr) bool { return h.IP.Equal(n.IP) }) {
				out = append(out, at.String())
			}
			matched = matched || takes
		}
	}
	if !matched {
		return nil, fmt.Errorf("launch: %s=%s: no such interface with an address here, of %s", Interfaces, chosen, strings.Join(names, ", "))
	}
	return out, nil
}

// listen opens the first port that is free at all addresses.
func (p *Place) listen(chosen string) ([]net.Listener, error) {
	hosts, err := p.addresses(chosen)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, port := range p.ports() {
		ls, err := listenAt(hosts, port)
		if err == nil {
			return ls, nil
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("port %d is in use", port)
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("launch: rank 0 cannot listen for the others: %w; SHAKE_PORT names another port, the same for all ranks", errors.Join(failed...))
}

// listenAt listens at every address that there is, and at one at least.
func listenAt(hosts []string, port int) (ls []net.Listener, err error) {
	for _, h := range hosts {
		l, bad := net.Listen("tcp", net.JoinHostPort(h, strconv.Itoa(port)))
		switch {
		case bad == nil:
			ls = append(ls, l)
		case errors.Is(bad, syscall.EADDRNOTAVAIL) || errors.Is(bad, syscall.EAFNOSUPPORT): // no IPv6
			err = bad
		default:
			closeListeners(ls)
			return nil, bad
		}
	}
	if ls != nil {
		err = nil
	}
	return ls, err
}

func closeListeners(ls []net.Listener) {
	for _, l := range ls {
		l.Close()
	}
}
