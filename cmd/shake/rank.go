package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"shake/cudnn/nccl"
	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/engine/parallel"
	"shake/internal/graph"
	"shake/internal/launch"
	"shake/internal/profile"
	"shake/internal/train"
	"shake/nets"
)

// rank is a process that trains on a card under rank 0's orders.
type rank struct {
	number, card int
	progress     gpu.Progress
	data         string    // where its images are; "": where rank 0's are
	own          *dsl.Spec // the network of its own command line, for a comparison; nil: none
}

// rankCmd is the verb of the processes that "shake run --device gpu:0,1" starts.
func (a *app) rankCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "rank NUMBER CARD",
		Short:  "Train on a card under another process's orders",
		Hidden: true,
		Args:   takes("NUMBER", "CARD"),
		RunE: func(_ *cobra.Command, args []string) error {
			var r rank
			var err error
			if r.number, err = strconv.Atoi(args[0]); err == nil {
				r.card, err = strconv.Atoi(args[1])
			}
			if err != nil {
				return exit(exitUsage, err)
			}
			conn, err := launch.Inherited()
			if err != nil {
				return exit(exitUsage, err)
			}
			return r.serve(conn)
		},
	}
}

// otherRank serves rank 0 if a launcher made this process another rank; ok says that it did.
func (a *app) otherRank(f runFlags, args []string) (ok bool, err error) {
	place, err := launch.Find()
	if err != nil {
		return false, exit(exitUsage, err)
	}
	if place != nil && f.seeds != "" {
		return false, exit(exitUsage, fmt.Errorf("--seeds: %s made %d processes, which train one run together: give each seed a command of its own", place.Launcher, place.World))
	}
	if place == nil || place.Rank == 0 {
		return false, nil
	}
	r := rank{number: place.Rank, data: f.data}
	deadline := launch.Deadline
	fault := a.join(&r, f, args, place)
	if fault != nil {
		deadline = parting
	}
	sig := interruptible(func() {})
	conns, err := place.Meet(sig, deadline, a.waits)
	if fault != nil {
		if err == nil {
			parallel.NewWorker(conns[0], nil).Fail(fault)
		}
		return true, fault
	}
	if err != nil {
		return true, notMet(sig, err)
	}
	return true, r.serve(conns[0])
}

// join finds the network and the card of a rank that a launcher started.
func (a *app) join(r *rank, f runFlags, args []string, place *launch.Place) (err error) {
	if f.resume == "" {
		if r.own, _, err = f.net.loadRun(args[0]); err != nil {
			return err
		}
	}
	name, cards, err := a.cards(f.device)
	if err == nil {
		cards, err = a.cardOf(place, name, cards)
	}
	if err == nil {
		r.card = cards[0]
	}
	return err
}

// serve trains until rank 0 closes. Signals are rank 0's to answer.
func (r *rank) serve(conn net.Conn) error {
	w := parallel.NewWorker(conn, r.open)
	w.Card, w.Reached = func() string { return uuid(r.card) }, r.progress.Reached
	signals := make(chan os.Signal, 16)
	signal.Ignore(deafSignals...)
	signal.Notify(signals, append(slices.Clone(stopSignals), saveSignals...)...)
	go func() {
		for s := range signals {
			if slices.Contains(saveSignals, s) {
				w.AskSave()
			} else {
				w.AskStop(name(s))
			}
		}
	}()
	return reported(w.Serve(), r.number)
}

func name(s os.Signal) string {
	if n, ok := s.(syscall.Signal); ok {
		return fmt.Sprintf("signal %d, %v", int(n), n)
	}
	return s.String()
}

// images are this rank's training and test images, the same as rank 0's.
func (r *rank) images(o mission, spec *dsl.Spec, g *graph.Graph) (tr, te *engine.Images, err error) {
	if o.BuiltIn {
		tr, te = profile.BuiltIn(g, spec.Train.Batch)
		return tr, te, nil
	}
	dir := r.data
	if dir == "" {
		dir = o.Data
	}
	sets, err := loadData(spec, dir)
	if err != nil {
		return nil, nil, err
	}
	tr, te = sets.Train, train.Joined(sets.Test, sets.Validation)
	if train.Fingerprint(tr) != o.Train || train.Fingerprint(te) != o.Test {
		return nil, nil, fmt.Errorf("rank %d has other images than rank 0, from %s: give all ranks the same data set", r.number, sets.Source)
	}
	return tr, te, nil
}

// open makes this rank's program by rank 0's orders, after a look at the data and the network,
// which have to be the same here.
func (r *rank) open(hello, token []byte, lost <-chan struct{}) (engine.Program, error) {
	var o mission
	if err := json.Unmarshal(hello, &o); err != nil {
		return nil, fmt.Errorf("rank 0's orders: %w", err)
	}
	if v := revision(); v != o.Version {
		return nil, fmt.Errorf("rank %d is shake %s, rank 0 shake %s: start the same program on all", r.number, v, o.Version)
	}
	spec, err := nets.Parse(o.Name, o.Spec)
	if err != nil {
		return nil, fmt.Errorf("rank 0's network: %w", err)
	}
	if r.own != nil && !bytes.Equal(r.own.TOML(), o.Spec) {
		return nil, fmt.Errorf("rank %d was told to train another network than rank 0, or with another seed: give all ranks the same arguments", r.number)
	}
	g, err := graph.Build(spec)
	if err != nil {
		return nil, err
	}
	tr, te, err := r.images(o, spec, g)
	if err != nil {
		return nil, err
	}
	if err := cardsWork(); err != nil {
		return nil, err
	}
	if v, _ := nccl.Version(); v != o.NCCL {
		return nil, fmt.Errorf("rank %d has NCCL %s, rank 0 NCCL %s: install the same version on all machines", r.number, v, o.NCCL)
	}
	var id nccl.ID
	copy(id[:], token)
	b := gpu.Backend{Card: r.card, Group: &gpu.Group{Rank: r.number, World: o.World, ID: id, Lost: lost, Progress: &r.progress}, Tune: o.Tune}
	p, err := b.Compile(g, engine.ConfigOf(spec))
	if err != nil {
		return nil, err
	}
	if err := p.Load(tr, te); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}
