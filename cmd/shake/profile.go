package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	kernel "shake/csrc/cpu"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/graph"
	"shake/internal/profile"
	"shake/internal/report"
)

// profileFlags are the flags of "shake profile".
type profileFlags struct {
	net                       netFlags
	device, by                string
	steps, warmup, top        int
	asJSON                    bool
	trace, roofline, timeline string
	met                       *bool // see runFlags
}

func (a *app) profileCmd() *cobra.Command {
	var f profileFlags
	c := &cobra.Command{
		Use:   "profile NET|RUN",
		Short: "Say where a training step's time goes",
		Long: `profile trains some steps on built-in images and prints what each operation of the plan
costs: its time, share, rates, and per cent of the peak; forward, backward and update apart; the sum
beside the whole step; the memory by kind of tensor. Peaks are measured in the same run: a card's
FLOP/s by a large product of cuDNN in the precision of the run.

Times are means of the timed steps, as their caller waited; busy is the processor time of all
workers, from which rates follow: those of one worker, whose peak with all at work is measured in
the same run. Convolutions count the multiply-adds of direct ones, so that transforms can pass 100 %.

On a card, events stand around each launch of steps that are launched one by one, on their streams;
rates are of each launch by itself, as show --measure takes them, and the captured step stands
beside the sum; where CUPTI is (pip install nvidia-cuda-cupti), so does each operation's time inside
it. The card's power, memory, use and clocks are counters of the trace. Of several cards
(--device gpu:0,1, or started by torchrun, srun or mpirun) rank 0's launches are timed, and the
profile says how much of the sums over the cards nothing hides.`,
		Example: `  shake profile 26-2x32d
  shake profile resnext29 -o train.batch=32 --by shape --top 10
  shake profile quick --steps 20 --json
  shake profile 26-2x32d --device gpu:0,1
  shake profile 26-2x32d --trace step.json --roofline roofline.svg --timeline step.png`,
		Args: func(c *cobra.Command, args []string) error {
			if err := given(c, "trace", "roofline", "timeline"); err != nil {
				return err
			}
			return takes("NET or RUN")(c, args)
		},
		ValidArgsFunction: completeNets,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c); err != nil {
				return err
			}
			if rank, err := a.otherRank(runFlags{net: f.net, device: f.device}, args); rank || err != nil {
				return err
			}
			f.met = new(bool)
			spec, g, err := f.net.loadGraph(args[0])
			if err == nil {
				err = a.profile(f, spec, g)
			}
			return dismissing(err, *f.met)
		},
	}
	f.net.add(c)
	addDevice(c, &f.device)
	c.Flag("device").Usage = "`device` to profile: cpu, gpu, gpu:1 (that card), gpu:0,1 (both, a process each), or auto, which is gpu if there is one and else cpu"
	c.Flags().IntVar(&f.steps, "steps", 5, "`number` of timed steps; as many are not timed within, to compare")
	c.Flags().IntVar(&f.warmup, "warmup", 2, "`number` of steps before them")
	c.Flags().StringVar(&f.by, "by", string(profile.ByOperation), "what makes one `row`: operation, shape, layer or kind")
	c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(groupings(), cobra.ShellCompDirectiveNoFileComp))
	c.Flags().IntVar(&f.top, "top", 20, "print the dearest `number` of rows; 0: all, as JSON has without --top")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&f.trace, "trace", "", "write the timed steps into this `file`, .json, for ui.perfetto.dev")
	c.Flags().StringVar(&f.roofline, "roofline", "", "draw the operations under the roofs of this machine into this `file`, .svg or .png")
	c.Flags().StringVar(&f.timeline, "timeline", "", "draw a step, a track for each worker, into this `file`, .svg or .png")
	return c
}

// groupings are the values of --by.
func groupings() []string {
	var out []string
	for _, by := range profile.Groupings {
		out = append(out, string(by))
	}
	return out
}

// check refuses values that no step could be taken with, before one is taken.
func (f *profileFlags) check(c *cobra.Command) error {
	usage := func(format string, args ...any) error { return exit(exitUsage, fmt.Errorf(format, args...)) }
	if !slices.Contains(groupings(), f.by) {
		return usage("--by %s: want %s", f.by, strings.Join(groupings(), ", "))
	}
	for _, n := range []struct {
		flag        string
		have, least int
	}{{"steps", f.steps, 1}, {"warmup", f.warmup, 1}, {"top", f.top, 0}} {
		if n.have < n.least {
			return usage("--%s %d: want at least %d", n.flag, n.have, n.least)
		}
	}
	if f.steps > mostSteps {
		return usage("--steps %d: want at most %d: every step keeps its times", f.steps, mostSteps)
	}
	for _, file := range []string{f.roofline, f.timeline} {
		if file != "" && pictureFormat(file) == "" {
			return usage("%s: want a name that ends in .svg or .png", file)
		}
	}
	if f.asJSON && !c.Flags().Changed("top") {
		f.top = 0
	}
	if f.roofline != "" && filepath.Clean(f.roofline) == filepath.Clean(f.timeline) {
		return usage("--roofline and --timeline %s: want two files", f.timeline)
	}
	for _, file := range []string{f.trace, f.roofline, f.timeline} {
		if err := writable(file); err != nil {
			return err
		}
	}
	if f.trace == "" {
		return nil
	}
	return ends(f.trace, ".json")
}

// mostSteps is a bound on the memory of traces.
const mostSteps = 10_000

func (a *app) profile(f profileFlags, spec *dsl.Spec, g *graph.Graph) error {
	p, err := a.takeProfile(f, spec, g)
	if err != nil {
		return err
	}
	// The table comes before the files: a full disk does not lose it.
	if f.asJSON {
		d, err := p.Document(profile.By(f.by), f.top)
		if err == nil {
			err = a.printJSON(d)
		}
		if err != nil {
			return err
		}
	} else if err := p.Text(a.out, profile.By(f.by), f.top); err != nil {
		return err
	}
	for _, file := range []struct {
		name, what string
		write      func(io.Writer) error
	}{
		{f.trace, "the trace", p.WriteTrace},
		{f.roofline, "the roofline", picture(f.roofline, p.Roofline)},
		{f.timeline, "the timeline", picture(f.timeline, p.Timeline)},
	} {
		if file.name == "" {
			continue
		}
		if err := a.write(file.name, file.what, file.write); err != nil {
			return err
		}
	}
	return nil
}

// picture writes a drawing in the format of a file's name.
func picture(file string, draw func(format string) ([]byte, error)) func(io.Writer) error {
	return func(w io.Writer) error {
		b, err := draw(pictureFormat(file))
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
}

// takeProfile compiles the network, trains, and measures the roofs of the device.
func (a *app) takeProfile(f profileFlags, spec *dsl.Spec, g *graph.Graph) (*profile.Profile, error) {
	sig := interruptible(func() { fmt.Fprintln(a.err, "stopping after this step; Ctrl-C again stops now") })
	defer sig.stop()
	p, err := a.takeProfileUntil(sig, f, spec, g)
	if sig.Err() != nil {
		return nil, exit(exitInterrupted, errors.New("profile: interrupted"))
	}
	return p, err
}

// takeProfileUntil is takeProfile, until sig.
func (a *app) takeProfileUntil(sig *interruption, f profileFlags, spec *dsl.Spec, g *graph.Graph) (*profile.Profile, error) {
	crew, err := a.crew(sig, runFlags{device: f.device, met: f.met}, spec)
	if err != nil {
		return nil, err
	}
	defer crew.close()
	b := crew.backend()
	if b != nil {
		crew.profile(spec)
	} else if b, err = a.backend(sig, f.device, spec); err != nil {
		return nil, err
	}
	prog, err := b.Compile(g, engine.ConfigOf(spec))
	if err != nil {
		return nil, err
	}
	defer prog.Close()
	if _, ok := prog.(engine.Profiler); !ok {
		return nil, exit(exitUsage, fmt.Errorf("--device %s: %w: want cpu or gpu", prog.Info().Device, profile.ErrNoProfiler))
	}
	cards, err := newSampler(prog.Info().Cards)
	if err != nil {
		what := "the cards are not watched"
		if len(cards.cards) > 0 {
			what = "not all cards are watched"
		}
		fmt.Fprintf(a.err, "%s: %v\n", what, err)
	}
	defer cards.close()
	p, err := profile.Take(sig, prog, g, spec, profile.Options{Warmup: f.warmup, Steps: f.steps}, cards.sample)
	if err != nil {
		return nil, err
	}
	p.Counters = cards.counters
	if err := sig.Err(); err != nil { // between the steps and the peaks
		return nil, err
	}
	if p.Device == "gpu" {
		return p, cardRoofs(p, prog)
	}
	if p.Device == "cpu" {
		p.Roofs, err = processorRoofs(prog.Info().Workers)
	}
	return p, err
}

// cardRoofs has the card time each launch by itself and the step as one graph, and finds its peaks.
// It ruins the weights.
func cardRoofs(p *profile.Profile, prog engine.Program) error {
	p.Emulated = emulatedCard()
	if of, ok := prog.(interface{ Local() engine.Program }); ok {
		prog = of.Local()
	}
	times, err := gpu.Measure(prog, p.Emulated)
	if err != nil {
		return err
	}
	p.Alone, p.Graph = times.Ops, times.Step
	p.GraphNote = inGraph(times)
	if times.Graph != nil {
		p.InGraph = times.Graph.Ops
	}
	p.Roofs = profile.Roofs{FLOPS: times.Product, Of: times.ProductName + " by cuDNN", Memory: times.Copy}
	return nil
}

// inGraph says what is known of the kernels inside the graph of a step.
func inGraph(t *gpu.Times) string {
	if t.Unseen != nil {
		return "times inside the graph are not known: " + t.Unseen.Error()
	}
	g := t.Graph
	s := fmt.Sprintf("CUPTI %s: inside the graph %s take %.3f ms, and at least one runs for %.3f ms", g.Version, report.Plural(g.Kernels, "kernel"), g.Sum.Seconds()*1e3, g.Busy.Seconds()*1e3)
	if g.Unknown > 0 {
		s += fmt.Sprintf("; %d of them belong to no operation that launched the like by itself", g.Unknown)
	}
	return s
}

// processorRoofs measures the rates of one of so many workers.
func processorRoofs(workers int) (profile.Roofs, error) {
	pool := kernel.NewPool(workers)
	defer pool.Close()
	r, err := kernel.MeasureRoofs(pool)
	return profile.Roofs{FLOPS: r.FLOPS, Of: "multiply-adds on registers", Memory: r.Memory, Cache: r.Cache}, err
}
