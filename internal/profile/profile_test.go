package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/graph"
)

const msec = time.Millisecond

// example is a profile of two steps on two workers. Step i takes 10+2i ms, of which 1 ms has no
// operation: conv of 4 ms, with 3 and 2 ms of the workers; conv' of 4+2i ms, with 4 ms of one
// worker; sgd of 1 ms, with 0.5 of each.
func example() *Profile {
	p := &Profile{Network: "net", Device: "cpu", Detail: "avx2, 2 workers", Batch: 8, Tracks: []string{"worker 0", "worker 1"},
		Operations: []engine.Operation{
			{Kind: "sgd", Text: "3 parameters", At: engine.None, Phase: engine.PhaseUpdate, FLOPs: 1e3, Bytes: 8e6},
			{Kind: "conv", Text: "%1 = %0", At: 0, Shape: "a", Layer: "stem", Phase: engine.PhaseForward, FLOPs: 1e8, Bytes: 2e6},
			{Kind: "conv'", Text: "%2 = %1", At: 1, Shape: "a", Layer: "stem", Phase: engine.PhaseBackward, FLOPs: 2e8, Bytes: 4e6},
		},
		Held: engine.Held{Classes: []engine.MemoryClass{{Name: "weights", Bytes: 1 << 20}, {Name: "momentum", Bytes: 3 << 20}},
			Arena: []engine.Alive{{Op: 1, Activations: 5 << 20}, {Op: 2, Activations: 4 << 20, Gradients: 2 << 20}}},
		Roofs: Roofs{FLOPS: 40e9, Memory: 16e9, Cache: 32e9},
	}
	at := 5 * time.Second
	for i := range 2 {
		t := engine.Trace{Start: at}
		op := func(op int, took time.Duration, busy ...time.Duration) {
			o := engine.Timed{Op: op, Start: at, End: at + took}
			for track, b := range busy {
				o.Busy += b
				t.Work = append(t.Work, engine.Timed{Op: op, Track: track, Start: at, End: at + b, Busy: b})
			}
			t.Ops = append(t.Ops, o)
			at += took
		}
		op(1, 4*msec, 3*msec, 2*msec)
		op(2, time.Duration(4+2*i)*msec, 4*msec)
		at += msec
		op(0, msec, msec/2, msec/2)
		t.End = at
		at += msec
		p.Traces = append(p.Traces, t)
		p.Pairs = append(p.Pairs, Pair{Plain: 9 * msec, Timed: t.End - t.Start, PlainBusy: 20 * msec, TimedBusy: 21 * msec})
	}
	return p
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(math.Abs(a)+math.Abs(b)) }

func TestRows(t *testing.T) {
	p := example()
	rows, err := p.Rows(ByOperation)
	if err != nil {
		t.Fatal(err)
	}
	conv, back, sgd := rows[1], rows[0], rows[2]
	for _, c := range []struct {
		what       string
		have, want float64
	}{
		{"the mean step", p.Step().Seconds(), 11e-3},
		{"conv: us", conv.US, 4000}, {"conv': us", back.US, 5000}, {"sgd: us", sgd.US, 1000},
		{"conv: busy", conv.BusyUS, 5000}, {"conv': busy", back.BusyUS, 4000},
		{"conv: share", conv.Share, 100 * 4. / 11},
		{"conv: FLOP/s", conv.FLOPS, 1e8 / 5e-3}, {"conv: bytes a second", conv.BytesPerS, 2e6 / 5e-3},
		{"conv: of peak", conv.Peak, 100 * 20e9 / 40e9}, {"conv': of peak", back.Peak, 125}, {"sgd: of peak", sgd.Peak, 50},
		{"overhead", p.Overhead(), 0.05}, {"plain", p.Plain().Seconds(), 9e-3}, {"had", p.Had(), 1},
	} {
		if !near(c.have, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.have, c.want)
		}
	}
	if conv.Roof != "flops" || sgd.Roof != "memory" || *conv.At != 0 || sgd.At != nil {
		t.Errorf("roofs %q and %q, places %v and %v", conv.Roof, sgd.Roof, conv.At, sgd.At)
	}
}

// No grouping loses an operation, and phases stay apart.
func TestGroupings(t *testing.T) {
	p := example()
	for by, want := range map[By]int{ByOperation: 3, ByShape: 3, ByLayer: 3, ByKind: 3} {
		rows, err := p.Rows(by)
		if err != nil || len(rows) != want {
			t.Fatalf("by %s: %d rows, error %v: want %d", by, len(rows), err, want)
		}
		if sum := p.total(rows); !near(sum.US, 10000) || !near(sum.BusyUS, 10000) || sum.Calls != 3 || sum.FLOPs != 3e8+1e3 {
			t.Errorf("by %s: the sum is %+v", by, sum)
		}
	}
	p.Operations[2].Phase, p.Operations[2].Kind = engine.PhaseForward, "conv"
	if rows, _ := p.Rows(ByShape); len(rows) != 2 || rows[0].Calls != 2 || !near(rows[0].US, 9000) {
		t.Errorf("operations of one shape: %+v", rows)
	}
	if _, err := p.Rows("colour"); err == nil {
		t.Error("no error of a grouping that is none")
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := example().Text(&b, ByOperation, 2); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a step takes 11.00 ms (2 timed steps of 10.00 ms to 12.00 ms), 727.3 images/s\n",
		"in which nothing is timed, in turn with these, take 9.00 ms; timing adds +5.0 % of processor time (medians)\n",
		"one of 2 workers reached 40.0 GFLOP/s, 16.0 GB/s of memory, 32.0 GB/s of a near cache, with all at work\n",
		"    1  4.00  36.4%     5.00    50.0%     20.0   0.4         50  flops   2.0    0 conv %1 = %0\n",
		"UPDATE\n", "operations 10.00 ms of 11.00 ms: 1.00 ms (9.09 %) are not explained\n",
		"2 workers worked for 45.5 % of the step",
		"sum       4.0\n", "at most 6.0 MiB of tensors are alive at once, at 1 conv' of stem: 4.0 of activations, 2.0 of their gradients\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "shared") || strings.Contains(b.String(), "others") {
		t.Errorf("a machine that is not shared, or one row that is hidden:\n%s", b.String())
	}
}

func TestDocument(t *testing.T) {
	d, err := example().Document(ByKind, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Rows) != 1 || len(d.Phases) != 3 || !near(d.Unexplained, 1000) || !near(d.Phases[engine.PhaseForward].US, 4000) {
		t.Errorf("%s", b)
	}
}

// Operations on several streams explain the time in which one ran, in JSON as in the text.
func TestDocumentOfStreams(t *testing.T) {
	p := &Profile{Network: "net", Device: "gpu", Batch: 8, Tracks: []string{"stream 0", "stream 1"},
		Operations: []engine.Operation{{Kind: "conv", Phase: engine.PhaseForward}, {Kind: "sgd", Phase: engine.PhaseUpdate}},
		Traces: []engine.Trace{{Start: 0, End: 10 * msec, Ops: []engine.Timed{
			{Op: 0, Start: 0, End: 7 * msec, Busy: 7 * msec}, {Op: 1, Track: 1, Start: 4 * msec, End: 9 * msec, Busy: 5 * msec},
		}}}}
	d, err := p.Document(ByKind, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !near(d.SumUS, 12000) || !near(d.Overlap, 3000) || !near(d.Unexplained, 1000) {
		t.Errorf("sum %v, overlap %v, unexplained %v", d.SumUS, d.Overlap, d.Unexplained)
	}
	var b strings.Builder
	if err := p.Text(&b, ByKind, 0); err != nil || !strings.Contains(b.String(), "1.000 ms (10.00 %) are not explained; streams overlap for 3.000 ms") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// A trace is in the part of Chrome's Trace Event Format that Perfetto reads: only known keys, every
// thread named, slices of a thread nested or apart, counters of numbers.
func TestTrace(t *testing.T) {
	p := example()
	// Cards are read before the first timed step too.
	p.Counters = []Counter{{Name: "power, W", Points: []Point{{5*time.Second - msec, 300}, {5 * time.Second, 300}}}}
	var b bytes.Buffer
	if err := p.WriteTrace(&b); err != nil {
		t.Fatal(err)
	}
	events := readTrace(t, b.Bytes())
	names, counters := map[int]string{}, map[string]int{}
	threads := map[int][]event{}
	for _, e := range events {
		switch {
		case e.PID != process || e.TS < 0 || e.Name == "":
			t.Errorf("%+v: no event of the process", e)
		case e.Phase == "M":
			names[e.TID] = fmt.Sprint(e.Args["name"])
		case e.Phase == "C":
			counters[e.Name]++
			for k, v := range e.Args {
				if _, ok := v.(float64); !ok {
					t.Errorf("%s: %s is %v, not a number", e.Name, k, v)
				}
			}
		case e.Phase == "X" && e.Dur != nil && *e.Dur >= 0:
			threads[e.TID] = append(threads[e.TID], e)
		default:
			t.Errorf("%+v: neither a slice nor a counter nor a name", e)
		}
	}
	if counters["power, W"] != 2 || counters["arena, MiB"] != 4 {
		t.Errorf("counters: %v", counters)
	}
	for tid, want := range map[int]struct {
		name   string
		slices int
	}{1: {"steps", 8}, 2: {"worker 0", 6}, 3: {"worker 1", 4}} {
		if names[tid] != want.name || len(threads[tid]) != want.slices {
			t.Errorf("thread %d: %q with %d slices, want %q with %d", tid, names[tid], len(threads[tid]), want.name, want.slices)
		}
	}
	for tid, s := range threads {
		if names[tid] == "" {
			t.Errorf("thread %d has no name", tid)
		}
		checkNested(t, s)
	}
}

// readTrace decodes a trace and refuses keys that the format does not have.
func readTrace(t *testing.T, b []byte) []event {
	t.Helper()
	var doc struct {
		TraceEvents     []event
		DisplayTimeUnit string
		OtherData       map[string]any
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.DisplayTimeUnit != "ms" && doc.DisplayTimeUnit != "ns" {
		t.Errorf("displayTimeUnit %q", doc.DisplayTimeUnit)
	}
	return doc.TraceEvents
}

// checkNested wants the slices of a thread to lie within each other or apart. Times are whole
// nanoseconds.
func checkNested(t *testing.T, s []event) {
	t.Helper()
	ns := func(us float64) int64 { return int64(math.Round(us * 1e3)) }
	slices.SortStableFunc(s, func(a, b event) int {
		if a.TS != b.TS {
			return int(ns(a.TS) - ns(b.TS))
		}
		return int(ns(*b.Dur) - ns(*a.Dur))
	})
	var open []int64 // ends
	for _, e := range s {
		from, to := ns(e.TS), ns(e.TS)+ns(*e.Dur)
		for len(open) > 0 && open[len(open)-1] <= from {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && to > open[len(open)-1] {
			t.Errorf("%s, %d to %d ns, reaches beyond the slice around it, which ends at %d", e.Name, from, to, open[len(open)-1])
		}
		open = append(open, to)
	}
}

func TestPictures(t *testing.T) {
	p := example()
	for name, draw := range map[string]func(string) ([]byte, error){"roofline": p.Roofline, "timeline": p.Timeline} {
		b, err := draw("png")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if im, err := png.Decode(bytes.NewReader(b)); err != nil || im.Bounds().Dx() < 600 {
			t.Errorf("%s: no picture: %v", name, err)
		}
		b, err = draw("svg")
		for _, group := range []string{"convolutions", "convolutions backward", "SGD, packing, exchange"} {
			if err != nil || !bytes.Contains(b, []byte(group)) {
				t.Errorf("%s: no %q in the picture, error %v", name, group, err)
			}
		}
		if bytes.Contains(b, []byte("weight gradients")) {
			t.Errorf("%s: a colour that nothing has", name)
		}
		if again, _ := draw("svg"); !bytes.Equal(b, again) {
			t.Errorf("%s: two drawings differ", name)
		}
	}
	p.Roofs = Roofs{}
	if _, err := p.Roofline("svg"); err == nil {
		t.Error("a roofline without a roof")
	}
	p.Traces = nil
	if _, err := p.Timeline("svg"); err == nil {
		t.Error("a timeline without a step")
	}
	if err := p.WriteTrace(&bytes.Buffer{}); err == nil {
		t.Error("a trace without a step")
	}
}

// The built-in images have the form of any network's input.
func TestBuiltIn(t *testing.T) {
	for _, in := range []graph.Value{{C: 3, H: 32, W: 32}, {C: 1, H: 28, W: 28}, {C: 3, H: 65, W: 17}, {C: 3, H: 1, W: 1}} {
		for _, classes := range []int{2, 10, 100} {
			g := &graph.Graph{Values: []graph.Value{in}, Classes: classes}
			train, test := BuiltIn(g, 12)
			for _, im := range []*engine.Images{train, test} {
				if err := im.Check(in.C, in.H, in.W, classes); err != nil {
					t.Errorf("%+v, %d classes: %v", in, classes, err)
				}
			}
			if have, _ := data.Synthetic(1, 12, 12); in.H == 32 && !bytes.Equal(train.Pix, have.Pix) {
				t.Error("images of the set's own size were changed")
			}
		}
	}
}

// An exchange over cards is exposed where it runs alone.
func TestExchange(t *testing.T) {
	if x := example().Exchange(); x != nil {
		t.Errorf("one device exchanges %+v", x)
	}
	p := &Profile{Network: "net", Device: "gpu", Batch: 8, Tracks: []string{"stream 0", "stream 1", "stream 2, of sums over cards"},
		Operations: []engine.Operation{{Kind: "conv"}, {Kind: "wgrad"}, {Kind: "allreduce", Exchange: true}}}
	ms := func(op, track, from, to int) engine.Timed {
		return engine.Timed{Op: op, Track: track, Start: time.Duration(from) * msec, End: time.Duration(to) * msec, Busy: time.Duration(to-from) * msec}
	}
	// The first sum is alone from 4 to 5 and from 7 to 8, the second from 12 to 20.
	tr := engine.Trace{Start: 0, End: 25 * msec, Ops: []engine.Timed{ms(0, 0, 0, 4), ms(2, 2, 2, 8), ms(1, 1, 5, 7), ms(0, 0, 8, 12), ms(2, 2, 10, 20), ms(0, 0, 20, 25)}}
	tr.Work = tr.Ops
	p.Traces = []engine.Trace{tr}
	if x := p.Exchange(); x == nil || !near(x.US, 16000) || !near(x.Exposed, 10000) || !near(x.Share, 40) {
		t.Fatalf("have %+v", x)
	}
	if have := p.unhidden(); len(have) != 1 || have[0] != "sums over the cards take 16.000 ms, of which 37.5 % hide behind other work; 10.000 ms do not, 40.0 % of the step" {
		t.Errorf("have %q", have)
	}
	var b bytes.Buffer
	if err := p.WriteTrace(&b); err != nil {
		t.Fatal(err)
	}
	alone := 0
	for _, e := range readTrace(t, b.Bytes()) {
		if e.Cat == "exchange" && e.TID == 2+len(p.Tracks) {
			alone++
		}
	}
	if alone != 3 {
		t.Errorf("the trace shows %d slices that nothing hides, want 3", alone)
	}
	if picture, err := p.Timeline("svg"); err != nil || !bytes.Contains(picture, []byte(notHidden)) {
		t.Errorf("no lane of them in the timeline: %v", err)
	}
	if d, err := p.Document(ByKind, 0); err != nil || d.Exchange == nil || !near(d.Exchange.Share, 40) {
		t.Errorf("%+v, %v", d, err)
	}
}
