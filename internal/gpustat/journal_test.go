package gpustat

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func at(seconds float64) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func sampleAt(card int, seconds float64) Sample {
	return Sample{
		Event: "sample", Time: at(seconds), Card: card, MemoryUsed: 1 << 30, MemoryTotal: 80 << 30, OwnMemory: Unknown, Utilization: 50, MemoryBusy: 20,
		Power: 300, Energy: 300, Temperature: 50, SMClock: 1980, MemoryClock: 2619,
	}
}

func TestJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gpu.jsonl")
	write := func(events ...Event) (replayed []Event) {
		t.Helper()
		j, err := OpenJournal(file, func(e Event) { replayed = append(replayed, e) })
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for _, e := range events {
			if err := j.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		return replayed
	}
	s := sampleAt(0, 0)
	s.OwnMemory = 5
	events := []Event{
		Introduction{"card", at(0), 0, "NVIDIA H100", "GPU-1", "580"}, s, Gap{"gap", at(1), 0, "power", "no permission"}, Lost{"lost", at(2), 0, "gone"},
	}
	if r := write(events...); r != nil {
		t.Errorf("a new journal has %v", r)
	}
	// A kill cuts the last line.
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"event":"sample","ti`)
	f.Close()
	if r := write(s); !reflect.DeepEqual(r, events) {
		t.Errorf("have %v\nwant %v", r, events)
	}
	if r := write(); len(r) != len(events)+1 || !reflect.DeepEqual(r[len(events)], Event(s)) {
		t.Errorf("behind a cut line: have %v", r)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"event":"sample","time":"2026-01-02T03:04:05Z","card":0,"memory_used":1073741824,"memory_total":85899345920,"own_memory":5,` +
		`"utilization":50,"memory_busy":20,"power":300,"energy":300,"temperature":50,"sm_clock":1980,"memory_clock":2619,` +
		`"throttle":null,"pcie_sent":0,"pcie_received":0,"nvlink_sent":0,"nvlink_received":0,"fan":0}`
	if line := strings.Split(string(text), "\n")[1]; line != want {
		t.Errorf("have %s\nwant %s", line, want)
	}
}

func TestUnknownFiguresInAJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gpu.jsonl")
	j, err := OpenJournal(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Add(sampleAt(0, 0)); err != nil {
		t.Fatal(err)
	}
	j.Close()
	text, _ := os.ReadFile(file)
	if !strings.Contains(string(text), `"own_memory":null`) {
		t.Errorf("have %s", text)
	}
	ReadJournal(file, func(e Event) {
		if s := e.(Sample); s.OwnMemory.Known() || s.Power != 300 {
			t.Errorf("have %+v", s)
		}
	})
	// A line of an earlier version: its missing figures are unknown, not zero.
	if err := os.WriteFile(file, []byte(`{"event":"sample","time":"2026-01-02T03:04:05Z","card":0,"power":300}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	n := 0
	ReadJournal(file, func(e Event) {
		n++
		if s := e.(Sample); s.Power != 300 || s.PCIeSent.Known() || s.NVLinkSent.Known() || s.Fan.Known() || s.Throttle != nil {
			t.Errorf("have %+v", s)
		}
	})
	if n != 1 {
		t.Errorf("%d samples", n)
	}
}

// TestJournalLongLine: a line longer than any event is passed over and a pipe is refused, both in
// little memory.
func TestJournalLongLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gpu.jsonl")
	good := `{"event":"sample","time":"2026-01-02T03:04:05Z","card":0,"memory_used":null}` + "\n"
	if err := os.WriteFile(file, []byte(good+strings.Repeat("x", 3*maxLine)+"\n"+good+`{"event":"sam`), 0o666); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := ReadJournal(file, func(Event) { n++ }); err != nil || n != 2 {
		t.Errorf("%d events, %v", n, err)
	}
	if err := os.Remove(file); err != nil || syscall.Mkfifo(file, 0o600) != nil {
		t.Skip(err)
	}
	if err := ReadJournal(file, func(Event) {}); err == nil {
		t.Error("a pipe was read")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"event":"sample","time":"2026-01-02T03:04:05Z","card":0,"memory_used":null}` + "\n" + `{"event":"lost"}` + "\n"))
	f.Add([]byte(`{"event":"sample","card":-1,"memory_used":1e300,"time":"0001-01-01T00:00:00Z"}` + "\n{\n\n"))
	file := filepath.Join(f.TempDir(), "gpu.jsonl")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(file, b, 0o666); err != nil {
			t.Fatal(err)
		}
		var tally Tally
		if err := ReadJournal(file, tally.Add); err != nil {
			t.Fatal(err)
		}
		tally.Cards()
		for _, c := range tally.Courses() {
			if len(c.Points) > coursePoints {
				t.Errorf("%d points", len(c.Points))
			}
		}
	})
}

func TestTotals(t *testing.T) {
	var tally Tally
	tally.Add(Introduction{"card", at(0), 0, "NVIDIA H100", "GPU-1", "580"})
	for i, c := range []struct{ used, util, energy Figure }{{2, 0, 0}, {5, 100, 300}, {Unknown, Unknown, Unknown}, {3, 80, 400}} {
		s := sampleAt(0, float64(i))
		s.MemoryUsed, s.Utilization, s.Energy = c.used, c.util, c.energy
		s.Power = 4 * c.util
		tally.Add(s)
	}
	s := sampleAt(1, 4)
	s.MemoryUsed, s.Utilization, s.Energy, s.Power = Unknown, Unknown, Unknown, Unknown
	tally.Add(s)
	tally.Add(Lost{"lost", at(5), 1, "gone"})
	cs := tally.Cards()
	if len(cs) != 2 {
		t.Fatalf("have %d cards", len(cs))
	}
	a, b := cs[0], cs[1]
	if a.Name != "NVIDIA H100" || a.Samples != 4 || a.PeakMemory != 5 || math.Abs(float64(a.Utilization)-60) > 1e-9 || math.Abs(float64(a.Power)-240) > 1e-9 || a.Energy != 700 || a.Lost {
		t.Errorf("have %+v", a)
	}
	if b.PeakMemory.Known() || b.Utilization.Known() || b.Power.Known() || b.Energy.Known() || b.MemoryTotal != 80<<30 || !b.Lost {
		t.Errorf("have %+v", b)
	}
}

// TestCourse: a long run keeps a bounded number of points with the right means, and the time
// between two processes adds nothing.
func TestCourse(t *testing.T) {
	var tally Tally
	const n = 3000
	for i := range n {
		seconds := float64(i)
		if i >= n/2 {
			seconds += 1e6 // resumed days later
		}
		s := sampleAt(0, seconds)
		s.MemoryUsed, s.Power, s.Temperature = Figure(i), Figure(2*i), Unknown
		tally.Add(s)
	}
	c := tally.Courses()[0]
	if len(c.Points) > coursePoints || len(c.Points) < coursePoints/2-1 {
		t.Fatalf("%d points", len(c.Points))
	}
	if last := c.Points[len(c.Points)-1].Seconds; last < n-20 || last > n {
		t.Errorf("the course ends at %v s, want about %d", last, n)
	}
	for i, p := range c.Points {
		// Sample k is taken at k seconds, from the second half on at k-1: the gap adds nothing.
		if math.Abs(float64(p.Memory)-p.Seconds) > 2 || p.Power != 2*p.Memory || p.Utilization != 50 || p.Temperature.Known() {
			t.Fatalf("point %d: %+v", i, p)
		}
	}
}
