package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shake/internal/exhaustive"
)

// netns is a network namespace, and a mount namespace in which /etc/hosts may be another.
type netns struct{ pid string }

// newNetns makes a namespace that lives until the test ends.
func newNetns(t *testing.T) netns {
	t.Helper()
	c := exec.Command("unshare", "--net", "--mount", "sleep", "600")
	if err := c.Start(); err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	m := netns{fmt.Sprint(c.Process.Pid)}
	own, err := os.Readlink("/proc/self/ns/net")
	for end := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if theirs, err := os.Readlink("/proc/" + m.pid + "/ns/net"); err == nil && theirs != own {
			return m
		}
	}
	t.Skip("no network namespaces here: unshare --net --mount makes none; it wants root")
	return m
}

// in is a command in the namespaces.
func (m netns) in(args ...string) *exec.Cmd {
	here, _ := os.Getwd() // which nsenter leaves
	return exec.Command("nsenter", append([]string{"-t", m.pid, "--net", "--mount", "--wd=" + here}, args...)...)
}

func (m netns) must(t *testing.T, line string) {
	t.Helper()
	if out, err := m.in(strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// twoMachines are namespaces with a cable between them. The first has a second interface, which the
// other one does not reach although it has a route there.
func twoMachines(t *testing.T) (a, b netns) {
	t.Helper()
	for _, program := range []string{"unshare", "nsenter", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no network namespaces here: %v", err)
		}
	}
	a, b = newNetns(t), newNetns(t)
	if out, err := a.in("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", b.pid).CombinedOutput(); err != nil {
		t.Skipf("no cable between network namespaces: %v: %s", err, out)
	}
	for i, m := range []netns{a, b} {
		m.must(t, "ip link set lo up")
		m.must(t, "ip link set eth0 up")
		m.must(t, fmt.Sprintf("ip addr add 10.77.0.%d/24 dev eth0", i+1))
		m.must(t, fmt.Sprintf("ip addr add fd77::%d/64 dev eth0 nodad", i+1))
	}
	a.must(t, "ip link add eth1 type veth peer name eth2")
	a.must(t, "ip addr add 10.78.0.1/24 dev eth1")
	a.must(t, "ip link set eth1 up")
	b.must(t, "ip route add 10.78.0.0/24 via 10.77.0.99")
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n10.78.0.1 rank0.test\n10.77.0.1 rank0.test\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range []netns{a, b} {
		m.must(t, "mount --bind "+hosts+" /etc/hosts")
	}
	return a, b
}

// Ranks in two network namespaces find each other by address or by a name of several interfaces,
// and end with the bits of two cards of one machine. Besides the network they share the memory in
// which the emulated cards meet.
func TestTwoMachines(t *testing.T) {
	exhaustive.Only(t)
	shake, common := emulated(t)
	a, b := twoMachines(t)
	run := func(m netns, device, dir string, env ...string) *exec.Cmd {
		c := m.in(shake, "run", "testdata/tiny.toml", "--device", device, "--out", dir, "-o", "train.max_steps=3")
		c.Env = append(slices.Clone(common), env...)
		return c
	}
	last := func(dir string) []byte {
		t.Helper()
		w, err := os.ReadFile(filepath.Join(dir, "last.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	one := filepath.Join(t.TempDir(), "one")
	if out, err := run(a, "gpu:0,1", one).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, address := range []string{"10.77.0.1", "fd77::1", "rank0.test"} {
		t.Run(address, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "two")
			var said [2]bytes.Buffer
			var ranks [2]*exec.Cmd
			for r, m := range []netns{a, b} {
				c := run(m, fmt.Sprint("gpu:", r), dir, fmt.Sprint("RANK=", r), "WORLD_SIZE=2", "MASTER_ADDR="+address, "SHAKE_SECRET=of a test")
				c.Stdout, c.Stderr = &said[r], &said[r]
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				ranks[r] = c
			}
			for r, c := range ranks {
				if err := c.Wait(); err != nil {
					t.Errorf("rank %d: %v\n%s", r, err, said[r].String())
				}
			}
			if !t.Failed() && !bytes.Equal(last(dir), last(one)) {
				t.Errorf("other bits than two cards of one machine\n%s", said[0].String())
			}
		})
	}
}
