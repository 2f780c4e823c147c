package main

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/data"
	"shake/internal/train"
)

// runFlags are the flags of "shake run".
type runFlags struct {
	net                                netFlags
	out, resume, weights, device, data string
	seeds                              string // of several runs
	asJSON                             bool
	met                                *bool // rank 0 has waited for the ranks of a launcher
}

func (a *app) runCmd() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run NET | run --resume DIR",
		Short: "Train a network",
		Long: `run trains a network to the end of its recipe and leaves a run directory: the resolved
network, metrics, weights, checkpoints and curves. NET is a built-in name or a TOML file.

Ctrl-C once writes a checkpoint and stops, twice stops now; --resume continues to the
same bits as a run never stopped. The figures are those of the last epoch.`,
		Example: `  shake run quick
  shake run 26-2x32d -o train.epochs=20 --data path/to/cifar
  shake run 26-2x32d --seeds 1,2,3
  shake run 26-2x32d --device gpu:0,1
  shake run --resume runs/26-2x32d
  shake run quick -o train.max_steps=10 -o train.log_steps=1 -o data.shuffle=false --json`,
		Args: func(c *cobra.Command, args []string) error {
			// The empty value of an unset variable must not begin a new run.
			if err := given(c, "resume", "out", "weights", "data"); err != nil {
				return err
			}
			if f.resume != "" {
				return cmp.Or(exclusive(c, "resume", "out"), exclusive(c, "resume", "weights"), exclusive(c, "resume", "seeds"), takes()(c, args))
			}
			return cmp.Or(given(c, "seeds"), exclusive(c, "seeds", "weights"), takes("NET")(c, args))
		},
		ValidArgsFunction: completeNets,
		RunE: func(c *cobra.Command, args []string) error {
			if rank, err := a.otherRank(f, args); rank || err != nil {
				return err
			}
			f.met = new(bool)
			var err error
			switch {
			case f.resume != "":
				err = a.resume(c, f)
			case f.seeds != "":
				err = a.seeds(f, args[0])
			default:
				err = a.begin(f, args[0])
			}
			return dismissing(err, *f.met)
		},
	}
	f.net.add(c)
	addDevice(c, &f.device)
	c.Flag("device").Usage = "`device` to run on: cpu, gpu, gpu:1 (that card), gpu:0,1 (both, a process each), ref (float64, slow), or auto, which is gpu if there is one and else cpu"
	addData(c, &f.data)
	c.Flags().StringVar(&f.out, "out", "", "run `directory` (default runs/NAME, or the first free runs/NAME-N)")
	c.Flags().StringVar(&f.resume, "resume", "", "continue the run in this `directory`")
	c.Flags().StringVar(&f.weights, "weights", "", "start from the weights of this safetensors `file` instead of drawing them")
	c.Flags().StringVar(&f.seeds, "seeds", "", "train once for each of these `seeds`, such as 1,2,3, into runs/NAME-seeds, and print mean and deviation")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print events as JSON, one a line; with --seeds the runs")
	return c
}

// begin starts a new run.
func (a *app) begin(f runFlags, name string) error {
	spec, _, err := f.net.load(name)
	if err != nil {
		return err
	}
	dir, undo := f.out, func() {}
	claimed := dir == ""
	if claimed {
		if dir, undo, err = claim(spec.Name); err != nil {
			return err
		}
	}
	err = a.train(f, train.Options{Spec: spec, Dir: dir, Claimed: claimed, Weights: f.weights})
	if err != nil {
		undo() // a mistake before the run began leaves no folder behind
	}
	return err
}

// resume continues the run in f.resume, on the device that it began on unless --device names
// another.
func (a *app) resume(c *cobra.Command, f runFlags) error {
	spec, err := f.net.readConfig(f.resume)
	if err != nil {
		return err
	}
	rec, err := train.ReadRecord(f.resume)
	if err != nil { // a checkpoint may be enough; the run will say
		rec = &train.Record{Data: "data that its damaged record does not name"}
	}
	if !c.Flags().Changed("device") && rec.Device != "" {
		f.device = a.again(rec)
	}
	f.weights = rec.Weights
	err = a.train(f, train.Options{Spec: spec, Dir: f.resume, Resume: true})
	if as[*data.NotFoundError](err) {
		err = fmt.Errorf("%w\nthe run began with %s; --data says where it is now", err, rec.Data)
	}
	return err
}

// train fills in the options of every run, runs, and reports the end.
func (a *app) train(f runFlags, o train.Options) error {
	scr := newScreen(a.err)
	var begun atomic.Bool
	sig := interruptible(func() {
		if begun.Load() {
			scr.print("stopping after a checkpoint; Ctrl-C again stops now")
		} else {
			scr.print("stopping before the run begins; Ctrl-C again stops now")
		}
	})
	defer scr.flush(sig.heard)
	defer sig.stop()
	defer scr.close()
	quiet := &app{a.in, a.out, scr}
	crew, err := quiet.crew(sig, f, o.Spec)
	if err != nil {
		return err
	}
	defer crew.close()
	if o.Backend = crew.backend(); o.Backend == nil {
		if o.Backend, err = quiet.backend(sig, f.device, o.Spec); err != nil {
			return err
		}
	}
	o.Background = o.Backend.Name() == "gpu"
	sets, err := loadData(o.Spec, f.data)
	if err != nil {
		return err
	}
	o.Train, o.Validation, o.Test = sets.Train, sets.Validation, sets.Test
	if o.Spec.Data.Set == "images" {
		o.Classes = sets.Names
	}
	crew.brief(o.Spec, sets)
	o.DataNote, o.Notices = fmt.Sprintf("%s, %s", sets.Source, sets.Note), sets.Notices
	o.Version = revision()
	o.FreeBytes = thisMachine().MemoryFree
	cards := newMeter(crew.processes()...)
	o.Meter = cards
	o.Observer = newWatcher(scr, cards.now)
	o.Save = sig.save
	stopped := watchPauses()
	defer close(stopped.stop)
	o.Paused = stopped.sum
	ev := newEvents(a.out)
	if f.asJSON {
		o.Observer = both{o.Observer, ev}
	}
	if sig.Err() != nil { // while the data was read
		return exit(exitInterrupted, errors.New("interrupted before the run began"))
	}
	begun.Store(true)
	sum, err := train.Run(sig, o)
	sig.stop()
	said := ev.flush(sig.heard)
	scr.flush(sig.heard)
	if sum != nil && !f.asJSON {
		said = printSummary(a.out, o.Spec, sum, origin{f.data, f.device, f.weights})
	}
	if err == nil && said != nil {
		err = fmt.Errorf("writing to standard output: %w", said)
	}
	return err
}

// loadData reads the data set of a network.
func loadData(spec *dsl.Spec, dir string) (*data.Sets, error) {
	sets, err := data.Load(spec.Data, spec.Seed, dir)
	return sets, exit(exitData, err)
}

func addData(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "data", "", "`folder` or archive of the data set (default $SHAKE_DATA, ./data, or where data fetch puts it)")
}
