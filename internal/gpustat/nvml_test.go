package gpustat

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const gib = 1 << 30

func cards(t *testing.T, d *Driver, n int) []*Card {
	t.Helper()
	cs, err := d.Cards()
	if err != nil {
		t.Fatal(err)
	}
	if len(cs) != n {
		t.Fatalf("have %d cards, want %d", len(cs), n)
	}
	return cs
}

func read(t *testing.T, c *Card) Sample {
	t.Helper()
	s, err := c.Read(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCards(t *testing.T) {
	d, _ := open(t, standIn, "1.name=NVIDIA L4; 1.memory=24G; 1.limit=72")
	if d.Version() != "580.82.07" || d.CUDA() != "13.0" {
		t.Errorf("driver %q, CUDA %q", d.Version(), d.CUDA())
	}
	cs := cards(t, d, 2)
	c := cs[1]
	if c.Index != 1 || c.Name != "NVIDIA L4" || c.Memory != 24*gib || c.PowerLimit != 72 || c.Capability != "9.0" || c.Bus != "0000:3b:00.0" ||
		!strings.HasPrefix(c.UUID, "GPU-") || c.MIG || c.Lost {
		t.Errorf("have %+v", *c)
	}
	if cs[0].UUID == c.UUID {
		t.Error("both cards have one UUID")
	}
}

func TestSample(t *testing.T) {
	d, set := open(t, standIn, "0.used=41G; gpu=83; busy=37; power=512; temperature=64; sm=1755; mem=2600; energy=100; "+
		"throttle=power-cap,heat; sent=1G; received=3G; link-sent=100G; link-received=50G; fan=70; processes=self:40G,1:1G")
	c := cards(t, d, 2)[0]
	s := read(t, c)
	want := Sample{
		Event: "sample", Time: s.Time, Card: 0, MemoryUsed: 41 * gib, MemoryTotal: 80 * gib, OwnMemory: 40 * gib, Utilization: 83, MemoryBusy: 37,
		Power: 512, Energy: 0, Temperature: 64, SMClock: 1755, MemoryClock: 2600, PCIeSent: gib, PCIeReceived: 3 * gib,
		NVLinkSent: Unknown, NVLinkReceived: Unknown, Fan: 70, // a rate needs two readings
	}
	if have := strings.Join(s.Throttle, ", "); have != "power cap, heat" {
		t.Errorf("held back by %q", have)
	}
	if len(s.Processes) != 2 || s.Processes[0].PID != os.Getpid() || s.Processes[1] != (Process{PID: 1, Memory: gib}) {
		t.Errorf("have processes %+v", s.Processes)
	}
	if s.Processes = nil; !same(s, want) {
		t.Errorf("have %+v\nwant %+v", s, want)
	}
	set("energy=350.5; processes=99:?")
	if s = read(t, c); s.Energy != 250.5 {
		t.Errorf("energy %v J, want the counter's difference, 250.5", s.Energy)
	}
	if s.OwnMemory != 0 || len(s.Processes) != 1 || s.Processes[0].Memory.Known() {
		t.Errorf("have %v own and processes %+v, want none and one of unknown size", s.OwnMemory, s.Processes)
	}
	c.Own = []int{7, 1 << 20}
	if set("processes=self:4G,7:3G,8:2G"); read(t, c).OwnMemory != 7*gib {
		t.Errorf("have %v own, want that of two processes of three", read(t, c).OwnMemory)
	}
	if len(c.Gaps()) != 0 {
		t.Errorf("gaps %v", c.Gaps())
	}
}

// same compares samples without processes; two unknown figures are equal.
func same(a, b Sample) bool {
	x := []Figure{a.PCIeSent, a.PCIeReceived, a.NVLinkSent, a.NVLinkReceived, a.Fan, a.MemoryUsed, a.MemoryTotal, a.OwnMemory, a.Utilization, a.MemoryBusy, a.Power, a.Energy, a.Temperature, a.SMClock, a.MemoryClock}
	y := []Figure{b.PCIeSent, b.PCIeReceived, b.NVLinkSent, b.NVLinkReceived, b.Fan, b.MemoryUsed, b.MemoryTotal, b.OwnMemory, b.Utilization, b.MemoryBusy, b.Power, b.Energy, b.Temperature, b.SMClock, b.MemoryClock}
	for i := range x {
		if x[i] != y[i] && (x[i].Known() || y[i].Known()) {
			return false
		}
	}
	return a.Event == b.Event && a.Card == b.Card && a.Time.Equal(b.Time)
}

func TestFieldsThatAreNotTold(t *testing.T) {
	d, set := open(t, standIn, "0.fail.power=no-permission; 0.fail.energy=no-permission; 0.fail.clocks=not-supported; 0.fail.temperature=timeout")
	cs := cards(t, d, 2)
	s := read(t, cs[0])
	if s.Power.Known() || s.Energy.Known() || s.SMClock.Known() || s.MemoryClock.Known() || s.Temperature.Known() {
		t.Errorf("figures that were not told are known: %+v", s)
	}
	if !s.MemoryUsed.Known() || !s.Utilization.Known() {
		t.Errorf("figures that were told are not known: %+v", s)
	}
	var said []string
	for _, g := range cs[0].Gaps() {
		said = append(said, g.String())
	}
	want := "card 0: power is not known: no permission|card 0: energy is not known: no permission|" +
		"card 0: sm_clock is not known: not supported|card 0: memory_clock is not known: not supported"
	if have := strings.Join(said, "|"); have != want {
		t.Errorf("have gaps %s\nwant %s", have, want)
	}
	if s := read(t, cs[1]); !s.Power.Known() || len(cs[1].Gaps()) != 0 {
		t.Error("the other card suffers too")
	}
	// A temporary failure is tried again; a refusal is not.
	set("")
	s = read(t, cs[0])
	if !s.Temperature.Known() || s.Power.Known() || len(cs[0].Gaps()) != 4 {
		t.Errorf("later: %+v, gaps %v", s, cs[0].Gaps())
	}
}

// The traffic over NVLink is the difference of two counts; a count that fell says nothing.
func TestNVLink(t *testing.T) {
	d, set := open(t, standIn, "link-sent=10G; link-received=1G")
	c := cards(t, d, 2)[0]
	now := time.Now()
	at := func(seconds int, settings string) Sample {
		t.Helper()
		set(settings)
		s, err := c.Read(now.Add(time.Duration(seconds) * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	at(0, "link-sent=10G; link-received=1G")
	if s := at(2, "link-sent=14G; link-received=1G"); s.NVLinkSent != 2*gib || s.NVLinkReceived != 0 {
		t.Errorf("have %v and %v bytes a second, want 2 GiB and 0", s.NVLinkSent, s.NVLinkReceived)
	}
	if s := at(3, "link-sent=1G; link-received=2G"); s.NVLinkSent.Known() || s.NVLinkReceived != gib {
		t.Errorf("after a reset: have %v and %v", s.NVLinkSent, s.NVLinkReceived)
	}
}

// A sensor that a card does not have reads unknown, not zero, is said once, and is nothing to tell
// a user of.
func TestCardWithoutLinks(t *testing.T) {
	d, _ := open(t, standIn, "0.fail.nvlink=2; 0.fail.fan=not-supported; 0.fail.pcie=absent; 0.fail.throttle=no-permission")
	c := cards(t, d, 2)[0]
	for range 2 {
		if s := read(t, c); s.NVLinkSent.Known() || s.Fan.Known() || s.PCIeSent.Known() || s.PCIeReceived.Known() || s.Throttle != nil || !s.Power.Known() {
			t.Errorf("have %+v", s)
		}
	}
	var usual, other []string
	for _, g := range c.Gaps() {
		if g.Usual() {
			usual = append(usual, g.Field)
		} else {
			other = append(other, g.Field)
		}
	}
	if strings.Join(usual, " ") != "pcie nvlink fan" || strings.Join(other, " ") != "throttle" {
		t.Errorf("usual gaps %v, others %v", usual, other)
	}
}

// A reading with an argument that the card does not take is a gap of that field; a card of which
// every reading is invalid is lost.
func TestInvalidReadings(t *testing.T) {
	d, set := open(t, standIn, "0.fail.fan=2; 0.fail.pcie=2")
	c := cards(t, d, 2)[0]
	if s := read(t, c); s.Fan.Known() || s.PCIeSent.Known() || !s.Power.Known() || !s.MemoryUsed.Known() {
		t.Errorf("have %+v", s)
	}
	var gaps []string
	for _, g := range c.Gaps() {
		gaps = append(gaps, g.Field+": "+g.Reason)
	}
	if have := strings.Join(gaps, ", "); have != "pcie: not supported, fan: not supported" {
		t.Errorf("have gaps %s", have)
	}
	var all []string
	for _, f := range []string{"memory", "utilization", "power", "energy", "temperature", "clocks", "processes", "throttle", "fields"} {
		all = append(all, "fail."+f+"=2")
	}
	set(strings.Join(all, "; "))
	if _, err := c.Read(time.Now()); !errors.Is(err, ErrLost) {
		t.Errorf("every reading is invalid: %v", err)
	}
}

func TestTotalsOfSamples(t *testing.T) {
	var tally Tally
	for i, words := range [][]string{{"idle"}, {}, {"power cap"}, {"power cap", "heat"}, nil} {
		s := blank()
		s.Throttle, s.Temperature, s.PCIeSent = words, Figure(60+i%3), Figure(i)
		tally.Add(s)
	}
	c := tally.Cards()[0]
	if c.Slowed != 50 || strings.Join(c.SlowedBy, ", ") != "power cap, heat" || c.Temperature != 62 || c.PCIeSent != 2 || c.NVLinkSent.Known() {
		t.Errorf("have %+v", c)
	}
}

func TestEnergyWithoutACounter(t *testing.T) {
	d, set := open(t, standIn, "fail.energy=not-supported; power=200")
	c := cards(t, d, 2)[0]
	now := time.Now()
	for _, step := range []struct {
		after time.Duration
		watts string
		want  Figure
	}{{0, "200", 0}, {2 * time.Second, "400", 600}, {time.Second, "400", 400}, {time.Hour, "400", Unknown}, {time.Second, "100", 250}} {
		set("fail.energy=not-supported; power=" + step.watts)
		now = now.Add(step.after)
		s, err := c.Read(now)
		if err != nil {
			t.Fatal(err)
		}
		if s.Energy != step.want && (s.Energy.Known() || step.want.Known()) {
			t.Errorf("after %v at %s W: %v J, want %v", step.after, step.watts, s.Energy, step.want)
		}
	}
}

func TestMIG(t *testing.T) {
	d, _ := open(t, standIn, "0.mig=2")
	cs := cards(t, d, 2)
	c := cs[0]
	if !c.MIG || len(c.Instances) != 2 || cs[1].MIG {
		t.Fatalf("have %+v", *c)
	}
	if p := c.Instances[1]; !strings.HasPrefix(p.UUID, "MIG-") || !strings.Contains(p.Name, "MIG") || math.Abs(float64(p.Memory)-80*gib/7.) > 1 || p.Used != 5*gib {
		t.Errorf("have instance %+v", p)
	}
	s := read(t, c)
	if s.Utilization.Known() || !s.MemoryUsed.Known() || !s.Power.Known() {
		t.Errorf("have %+v, want all but utilisation", s)
	}
	if g := c.Gaps(); len(g) != 1 || !strings.Contains(g[0].Reason, "MIG is on") {
		t.Errorf("have gaps %v", g)
	}
}

func TestLostBeforeTheStart(t *testing.T) {
	d, _ := open(t, standIn, "0.lost=0")
	cs := cards(t, d, 2)
	if !cs[0].Lost || cs[1].Lost {
		t.Errorf("have lost %v and %v, want the first", cs[0].Lost, cs[1].Lost)
	}
	if _, err := cs[0].Read(time.Now()); !errors.Is(err, ErrLost) {
		t.Errorf("have %v, want ErrLost", err)
	}
	read(t, cs[1])
}

// TestOldDriver: a driver without the newer functions does not end the process.
func TestOldDriver(t *testing.T) {
	d, _ := open(t, old, "used=10G; reserved=1G; power=100; processes=1:1G")
	c := cards(t, d, 2)[0]
	read(t, c)
	s := read(t, c)
	if s.MemoryUsed != 11*gib || !s.Energy.Known() || s.OwnMemory.Known() {
		t.Errorf("have %+v", s)
	}
	fields := ""
	for _, g := range c.Gaps() {
		fields += g.Field + " "
	}
	if fields != "energy processes " {
		t.Errorf("gaps in %s, want energy processes", fields)
	}
}

func TestOpenFails(t *testing.T) {
	for _, c := range []struct {
		settings string
		want     error
		remedy   string
	}{
		{"init=no-driver", ErrNoDriver, "modprobe nvidia"},
		{"init=no-permission", ErrNoPermission, "--gpus all"},
		{"init=mismatch", ErrDriverChanged, "reboot"},
		{"init=unknown", nil, ""},
	} {
		prepare(t, c.settings)
		_, err := Open(standIn)
		var e *Error
		if !errors.As(err, &e) || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: have %v, want %v with %q", c.settings, err, c.want, c.remedy)
		}
	}
	prepare(t, "")
	if _, err := Open(filepath.Join(t.TempDir(), "libnvidia-ml.so.1")); err == nil || !strings.Contains(err.Error(), "libnvidia-ml.so.1") {
		t.Errorf("no library: have %v", err)
	}
	other := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
	if err := os.WriteFile(other, []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other); err == nil {
		t.Error("a file that is no library was opened")
	}
}

func TestNoCards(t *testing.T) {
	d, _ := open(t, standIn, "cards=0")
	cards(t, d, 0)
}

func TestBusAddress(t *testing.T) {
	for have, want := range map[string]string{
		"00000000:18:00.0": "0000:18:00.0", "0000:18:00.0": "0000:18:00.0", "00000000:AF:00.0": "0000:af:00.0", "00010000:19:00.0": "00010000:19:00.0", "": "",
	} {
		if BusAddress(have) != want {
			t.Errorf("%q becomes %q, want %q", have, BusAddress(have), want)
		}
	}
}
