package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"shake/internal/gpustat"
	"shake/internal/report"
)

// monitorFlags are the flags of "shake monitor".
type monitorFlags struct {
	asJSON, once bool
	interval     time.Duration
	cards        []string
	sort         string
}

// shortest is the shortest useful interval: the driver's own figures are means over a sixth of a
// second and more.
const shortest = 100 * time.Millisecond

func (a *app) monitorCmd() *cobra.Command {
	var f monitorFlags
	c := &cobra.Command{
		Use:   "monitor",
		Short: "Watch the cards: memory, utilisation, power, temperature, clocks, processes",
		Long: `monitor shows every card of the machine, several side by side where there is room, with
the course of the last minutes and the processes on it, with their users; those of shake are
marked with *. "slowed" says that power or heat holds the clocks back. On a terminal it stays until
Ctrl-C; elsewhere it writes a line a card and reading.`,
		Example: `  shake monitor
  shake monitor --once --sort memory
  shake monitor --cards 0,1
  shake monitor --json --interval 5s > cards.jsonl`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := exclusive(c, "once", "interval"); err != nil {
				return err
			}
			if c.Flags().Changed("cards") && len(f.cards) == 0 { // an unset variable must not mean all
				return exit(exitUsage, errors.New("--cards is empty: give it a value or leave it out"))
			}
			if !slices.Contains(orders, f.sort) {
				return exit(exitUsage, fmt.Errorf("--sort %s: want %s", f.sort, strings.Join(orders, ", ")))
			}
			if f.interval < shortest {
				return exit(exitUsage, fmt.Errorf("--interval %v: want at least %v", f.interval, shortest))
			}
			return a.monitor(f)
		},
	}
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON, a line a card and reading, as in a run's gpu.jsonl")
	c.Flags().BoolVar(&f.once, "once", false, "read the cards once and end")
	c.Flags().DurationVar(&f.interval, "interval", time.Second, "`time` between two readings, such as 500ms or 2s")
	c.Flags().StringSliceVar(&f.cards, "cards", nil, "only these `cards`: numbers, addresses on the bus or beginnings of UUIDs")
	c.Flags().StringVar(&f.sort, "sort", orders[0], "`order` of the cards: "+strings.Join(orders, ", ")+"; the greatest first")
	c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(orders, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) monitor(f monitorFlags) error {
	d, cards, err := openCards()
	if err != nil {
		return exit(exitUsage, fmt.Errorf("no card to watch: %w", err))
	}
	if cards, err = chosen(cards, f.cards); err != nil {
		d.Close()
		return exit(exitUsage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	v := newView(d, cards, f.interval)
	v.order = f.sort
	if f.once {
		v.every = 0
	}
	naming := d.Naming()
	scr := newPage(a.out)
	said := make(chan error, 1) // the first error of writing
	fail := func(err error) {
		if err != nil {
			select {
			case said <- err:
			default:
			}
		}
	}
	lines := func(e gpustat.Event) { fail(writeEvent(a, f.asJSON, e, cards)) }
	live := scr != nil && !f.once && !f.asJSON
	hear := func(e gpustat.Event) {
		if s, ok := e.(gpustat.Sample); ok {
			naming.Name(s.Processes)
		}
		if live || f.once && !f.asJSON {
			v.hear(e)
		} else {
			lines(e)
		}
	}
	if f.once {
		left := gpustat.Sweep(cards, hear)
		defer d.Close()
		if !f.asJSON {
			width := 100
			if scr != nil {
				width, _ = scr.size()
			}
			for _, l := range v.lines(width) {
				fmt.Fprintln(a.out, l)
			}
		}
		return ended(left, said)
	}
	w := gpustat.Watch(cards, f.interval, hear)
	if live {
		scr.open()
		scr.keep(ctx, w.Done(), v)
		scr.close(v)
	} else {
		select {
		case <-ctx.Done():
		case <-w.Done():
		case err := <-said:
			fail(err)
		}
	}
	if !w.Stop() {
		return errors.New("the driver does not answer any more")
	}
	d.Close()
	if ctx.Err() != nil { // Ctrl-C is the usual end
		return nil
	}
	return ended(nil, said)
}

// ended is the error of a watch that ended by itself.
func ended(left []*gpustat.Card, said chan error) error {
	select {
	case err := <-said:
		return fmt.Errorf("writing to standard output: %w", err)
	default:
	}
	if len(left) == 0 {
		return errors.New("every card is lost: reset them (nvidia-smi --gpu-reset) or reboot")
	}
	return nil
}

// writeEvent writes an event as one line: JSON, or words.
func writeEvent(a *app, asJSON bool, e gpustat.Event, cards []*gpustat.Card) error {
	if asJSON {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = a.out.Write(append(b, '\n'))
		return err
	}
	switch e := e.(type) {
	case gpustat.Sample:
		_, err := fmt.Fprintln(a.out, sampleLine(e))
		return err
	case gpustat.Lost:
		_, err := fmt.Fprintf(a.out, "%s  %d  lost: %s\n", e.Time.Local().Format(time.TimeOnly), e.Card, e.Reason)
		return err
	case gpustat.Gap:
		_, err := fmt.Fprintf(a.out, "%s  %v\n", e.Time.Local().Format(time.TimeOnly), e)
		return err
	}
	return nil
}

// sampleLine is a sample in one line of words.
func sampleLine(s gpustat.Sample) string {
	line := fmt.Sprintf("%s  %d  memory %s of %s  gpu %s  power %s  %s  sm %s  memory %s", s.Time.Local().Format(time.TimeOnly), s.Card, gibibytes(s.MemoryUsed),
		gibibytes(s.MemoryTotal), figure0(s.Utilization, "%"), figure0(s.Power, " W"), figure0(s.Temperature, " C"), figure0(s.SMClock, " MHz"), figure0(s.MemoryClock, " MHz"))
	line += fmt.Sprintf("  pcie %s out %s in  nvlink %s out %s in  fan %s", rate0(s.PCIeSent), rate0(s.PCIeReceived), rate0(s.NVLinkSent), rate0(s.NVLinkReceived), figure0(s.Fan, "%"))
	if why := s.Slowed(); len(why) > 0 {
		line += "  slowed by " + strings.Join(why, " and ")
	}
	for _, p := range s.Processes {
		if p.Shake {
			line += fmt.Sprintf("  *%d %s", p.PID, gibibytes(p.Memory))
		}
	}
	return line
}

// figure0 is a figure without decimals and with its unit; "?" if it is unknown.
func figure0(f gpustat.Figure, unit string) string {
	if !f.Known() {
		return "?" + unit
	}
	return fmt.Sprintf("%.0f%s", float64(f), unit)
}

// rate0 is a figure of bytes a second; "?" if it is unknown.
func rate0(f gpustat.Figure) string {
	if !f.Known() {
		return "?"
	}
	return report.Rate(float64(f)) + "/s"
}

// view is the content of the cards' panels. The watcher's goroutine fills it and the screen's
// goroutine reads it.
type view struct {
	mu      sync.Mutex
	head    string
	order   string        // of the panels: one of orders
	every   time.Duration // between readings; 0: there is only one
	panels  []*panel
	changed chan struct{}
}

// panel is the known data of one card.
type panel struct {
	card        gpustat.Card // its state at the start
	sample      gpustat.Sample
	lost        string
	gaps        map[string]string
	utilization *gpustat.Ring
	memory      *gpustat.Ring
}

// remembered is the number of readings of a sparkline: at one a second, four minutes.
const remembered = 240

func newView(d *gpustat.Driver, cards []*gpustat.Card, every time.Duration) *view {
	v := &view{changed: make(chan struct{}, 1), every: every}
	v.head = fmt.Sprintf("driver %s, CUDA %s", d.Version(), d.CUDA())
	for _, c := range cards {
		v.panels = append(v.panels, &panel{card: *c, gaps: map[string]string{}, utilization: gpustat.NewRing(remembered), memory: gpustat.NewRing(remembered)})
	}
	return v
}

// hear takes an event in.
func (v *view) hear(e gpustat.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	of := func(card int) *panel {
		for _, p := range v.panels {
			if p.card.Index == card {
				return p
			}
		}
		return new(panel)
	}
	switch e := e.(type) {
	case gpustat.Sample:
		p := of(e.Card)
		p.sample = e
		p.utilization.Add(e.Utilization)
		p.memory.Add(e.MemoryUsed)
	case gpustat.Gap:
		of(e.Card).gaps[e.Field] = e.Reason
	case gpustat.Lost:
		of(e.Card).lost = e.Reason
	}
	select {
	case v.changed <- struct{}{}:
	default:
	}
}
