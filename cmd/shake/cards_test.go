package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"shake/csrc/emu"
	"shake/csrc/load"
	"shake/internal/engine"
	"shake/internal/engine/ref"
	"shake/internal/gpustat"
	"shake/internal/graph"
	"shake/internal/train"
)

// standIn is a folder with the stand-in libnvidia-ml.so.1; "" without a C++ compiler.
var standIn = sync.OnceValue(func() string {
	folder, err := emu.Library("nvml")
	if err != nil && !errors.Is(err, emu.ErrNoCompiler) {
		panic(err)
	}
	return folder
})

// withCards shows the stand-in's cards to the test, with settings as in csrc/emu/nvml/settings.h.
func withCards(t *testing.T, settings string) {
	t.Helper()
	if standIn() == "" {
		t.Skip("no C++ compiler to build the stand-in for NVML with")
	}
	t.Setenv(load.PathVariable, standIn())
	t.Setenv("SHAKE_EMU_NVML", settings)
}

// emulatedCards are the stand-in's cards.
var emulatedCards = []string{"GPU-7368616b-6520-656d-756c-61746f722030", "GPU-7368616b-6520-656d-756c-61746f722031"}

func TestMeter(t *testing.T) {
	withCards(t, "used=41G; gpu=80; power=360; 1.name=another; 1.fail.power=no-permission; 1.fail.energy=no-permission")
	dir := t.TempDir()
	var energy [2]float64
	for process := range 2 {
		m := newMeter()
		m.every = 10 * time.Millisecond
		if err := m.Begin(dir, []string{emulatedCards[1], emulatedCards[0]}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		m.End()
		m.End()
		if n := strings.Join(m.Notices(), "|"); n != "card 1: power is not known: no permission|card 1: energy is not known: no permission" {
			t.Errorf("have notices %q", n)
		}
		use := m.Use()
		if len(use) != 2 {
			t.Fatalf("have %d cards", len(use))
		}
		a, b := use[0], use[1]
		if *a.PeakMemory != 41<<30 || *a.MemoryTotal != 80<<30 || *a.Utilization != 80 || !strings.HasPrefix(a.UUID, "GPU-") || b.Name != "another" || b.EnergyKWh != nil {
			t.Errorf("have %+v and %+v", a, b)
		}
		// 360 W for 0.1 s are 1e-5 kWh; on a busy machine the first reading comes late.
		if energy[process] = *a.EnergyKWh; energy[process] < .5e-5*float64(process+1) || energy[process] > 1e-4 {
			t.Errorf("process %d: %g kWh", process, energy[process])
		}
		for _, format := range []string{"svg", "png"} {
			b, err := m.Picture("net", format)
			if err != nil || len(b) < 1000 {
				t.Errorf("%s: %d bytes, %v", format, len(b), err)
			}
			for _, panel := range []string{"memory in use, GiB", "utilisation, %", "power, W", "temperature, °C"} {
				if format == "svg" && !strings.Contains(string(b), panel) {
					t.Errorf("the picture has no %s", panel)
				}
			}
		}
	}
	if energy[1] <= energy[0] {
		t.Errorf("the second process has %g kWh, the first %g: it does not go on", energy[1], energy[0])
	}
	introduced, samples := 0, 0
	gpustat.ReadJournal(filepath.Join(dir, train.GPUSamplesFile), func(e gpustat.Event) {
		switch e.(type) {
		case gpustat.Introduction:
			introduced++
		case gpustat.Sample:
			samples++
		}
	})
	if introduced != 4 || samples < 12 {
		t.Errorf("the journal has %d introductions and %d samples", introduced, samples)
	}
}

func TestMeterOfOneCard(t *testing.T) {
	withCards(t, "1.lost=3")
	m := newMeter()
	m.every = 5 * time.Millisecond
	if err := m.Begin(t.TempDir(), []string{emulatedCards[1]}); err != nil {
		t.Fatal(err)
	}
	<-m.watcher.Done() // its only card is lost
	m.End()
	use := m.Use()
	if len(use) != 1 || use[0].Card != 1 || !use[0].Lost {
		t.Errorf("have %+v", use)
	}
	if n := strings.Join(m.Notices(), "|"); n != "card 1 is lost (GPU is lost): no more samples of it" {
		t.Errorf("have notices %q", n)
	}
}

// A card of another machine is said, and no card here taken for it; an instance of MIG leads to its
// card.
func TestMeterOfCardsElsewhere(t *testing.T) {
	withCards(t, "1.mig=2")
	m := newMeter()
	if err := m.Begin(t.TempDir(), []string{"MIG-7368616b-6520-656d-756c-61746f723130", "GPU-7"}); err != nil {
		t.Fatal(err)
	}
	m.End()
	if use := m.Use(); len(use) != 1 || use[0].UUID != emulatedCards[1] {
		t.Errorf("have %+v", use)
	}
	if n := strings.Join(m.Notices(), "|"); !strings.Contains(n, "NVML of this machine does not know GPU-7, which are on another one perhaps") {
		t.Errorf("have notices %q", n)
	}
	s, err := newSampler([]string{emulatedCards[1], "GPU-7"})
	if err == nil || !strings.Contains(err.Error(), "does not know GPU-7") || len(s.cards) != 1 {
		t.Errorf("a sampler of %d cards, %v", len(s.cards), err)
	}
	s.close()
}

func TestMeterCannotBegin(t *testing.T) {
	withCards(t, "")
	err := newMeter().Begin(t.TempDir(), []string{"GPU-7"})
	if err == nil || !strings.Contains(err.Error(), "NVML knows the cards "+emulatedCards[0]+", "+emulatedCards[1]+", and none of the run's, GPU-7") {
		t.Errorf("have %v", err)
	}
	t.Setenv("SHAKE_EMU_NVML", "init=no-driver")
	if err := newMeter().Begin(t.TempDir(), nil); !errors.Is(err, gpustat.ErrNoDriver) {
		t.Errorf("have %v, want ErrNoDriver", err)
	}
}

// TestRunOnCards trains on two cards. Their use stands in the record, in the summary and in the
// directory, and adds up over a resume.
func TestRunOnCards(t *testing.T) {
	withCards(t, "used=9G; gpu=70; power=412; temperature=71; 0.throttle=power-cap; 1.fail.power=not-supported; 1.fail.energy=not-supported; "+
		"1.fail.temperature=not-supported; 1.fail.throttle=not-supported")
	dir := filepath.Join(t.TempDir(), "run")
	for i, steps := range []string{"2", "6"} {
		spec, _, err := (&netFlags{overrides: []string{"train.max_steps=" + steps}}).load("testdata/tiny.toml")
		if err != nil {
			t.Fatal(err)
		}
		o := train.Options{Spec: spec, Dir: dir, Resume: i > 0, Backend: onCards{}, Meter: newMeter()}
		sets, err := loadData(spec, "")
		if err != nil {
			t.Fatal(err)
		}
		o.Train, o.Test = sets.Train, sets.Test
		s, err := train.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Cards) != 2 || *s.Cards[1].PeakMemory != 9<<30 {
			t.Errorf("have %+v", s.Cards)
		}
		var b strings.Builder
		if err := printSummary(&b, spec, s, origin{}); err != nil {
			t.Fatal(err)
		}
		// The driver tells nothing else of card 1.
		for _, want := range []string{
			`  card 0      NVIDIA H100 80GB HBM3: peak 9\.0 of 80\.0 GiB, 70% busy, mean 412 W, [0-9.e-]+ kWh, at most 71 C, slowed for 100% of the time by power cap`,
			`  card 1      NVIDIA H100 80GB HBM3: peak 9\.0 of 80\.0 GiB, 70% busy(, PCIe .*)?\n`,
		} {
			if !regexp.MustCompile(want).MatchString(b.String()) {
				t.Errorf("%q is missing in\n%s", want, b.String())
			}
		}
	}
	rec, err := train.ReadRecord(dir)
	if err != nil || len(rec.Cards) != 2 || *rec.Cards[0].Utilization != 70 || *rec.Cards[0].MeanPower != 412 || rec.Cards[1].MeanPower != nil {
		t.Errorf("record: %+v, %v", rec.Cards, err)
	}
	for _, f := range []string{train.GPUSamplesFile, "gpu.svg", "gpu.png"} {
		if info, err := os.Stat(filepath.Join(dir, f)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// onCards is the reference device, which claims to run on the stand-in's cards.
type onCards struct{ ref.Backend }

func (b onCards) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	p, err := b.Backend.Compile(g, c)
	return claims{p}, err
}

type claims struct{ engine.Program }

func (p claims) Info() engine.Info {
	i := p.Program.Info()
	i.Cards = emulatedCards
	return i
}

func TestMerge(t *testing.T) {
	card := func(i int) *gpustat.Card {
		return &gpustat.Card{Index: i, Name: "a card", Bus: fmt.Sprintf("0000:%02d:00.0", i+1), Memory: 1 << 30, PowerLimit: gpustat.Unknown}
	}
	seen := func(ordinal, i int) inCUDA {
		return inCUDA{ordinal: ordinal, name: "a card", bus: fmt.Sprintf("0000:%02d:00.0", i+1), memory: 1 << 30, capability: "9.0"}
	}
	gone := card(0)
	gone.Lost = true
	for _, c := range []struct {
		name  string
		cards []*gpustat.Card
		seen  []inCUDA
		want  string
	}{
		{"CUDA cannot be asked", []*gpustat.Card{card(0)}, nil, "0: a card, 1.0 GiB, 0000:01:00.0"},
		{"both", []*gpustat.Card{card(0)}, []inCUDA{seen(0, 0)}, "0: a card, 1.0 GiB, 0000:01:00.0"},
		{"one hidden", []*gpustat.Card{card(0), card(1)}, []inCUDA{seen(0, 1)},
			"0: a card, 1.0 GiB, 0000:01:00.0, hidden from CUDA by CUDA_VISIBLE_DEVICES|1: a card, 1.0 GiB, 0000:02:00.0, CUDA's device 0"},
		{"all hidden", []*gpustat.Card{card(0)}, []inCUDA{}, "0: a card, 1.0 GiB, 0000:01:00.0, hidden from CUDA by CUDA_VISIBLE_DEVICES"},
		{"no NVML", nil, []inCUDA{seen(0, 0)}, "0: a card, 1.0 GiB, compute capability 9.0, 0000:01:00.0"},
		{"two instances", []*gpustat.Card{card(0)}, []inCUDA{seen(0, 0), seen(1, 0)}, "0: a card, 1.0 GiB, 0000:01:00.0"},
	} {
		var lines []string
		for _, m := range merge(c.cards, c.seen) {
			lines = append(lines, cardLine(m))
		}
		if have := strings.Join(lines, "|"); have != c.want {
			t.Errorf("%s: have %s\nwant %s", c.name, have, c.want)
		}
	}
	if m := merge([]*gpustat.Card{gone}, []inCUDA{}); m[0].hidden {
		t.Error("a lost card counts as hidden")
	}
}

func TestUnusable(t *testing.T) {
	found := []libraryInfo{{Name: "libcuda"}, {Name: "libnvrtc", Problem: "not found"}, {Name: "libcudnn", Problem: "not found"}, {Name: "libnvidia-ml", Problem: "not found"}}
	if have, want := unusable(found), "it needs libnvrtc, libcudnn"; have != want {
		t.Errorf("have %q, want %q", have, want)
	}
}

// A run goes on where it began: on another processor's cores, and on one card where there are not
// as many as before. TestScripts/two_cards has the rest.
func TestAgain(t *testing.T) {
	a := &app{}
	for _, c := range []struct {
		rec  train.Record
		want string
	}{
		{train.Record{Device: "cpu", Workers: 4}, "cpu"},
		{train.Record{Device: "gpu", Workers: 1}, "gpu"},
		{train.Record{Device: "gpu", Workers: 99, Cards: []train.CardUse{{UUID: "GPU-1"}}}, "gpu"},
	} {
		if have := a.again(&c.rec); have != c.want {
			t.Errorf("%s of %d workers: %s, want %s", c.rec.Device, c.rec.Workers, have, c.want)
		}
	}
}
