package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"shake/csrc/load"
	"shake/cudnn/cuda"
	"shake/cudnn/nccl"
	"shake/dsl"
	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/engine/parallel"
	"shake/internal/launch"
	"shake/internal/report"
	"shake/internal/train"
)

// crew is the other ranks of a run on several cards, as rank 0 sees them. It is nil on one.
type crew struct {
	parallel.Backend
	started []int  // the processes of the other ranks, if this process started them
	data    string // where they find the images then
}

// mission is the training that rank 0 asks of the others: parallel.Backend.Hello.
type mission struct {
	Version     string
	Name        string
	Spec        []byte // resolved, TOML
	Train, Test string // fingerprints
	Data        string // folder of the images, for ranks that rank 0 started
	World       int
	Tune        bool
	NCCL        string // its version
	BuiltIn     bool   // the images are those of a profile
}

// crew finds or starts the other ranks. Launched processes find each other; without a launcher
// --device gpu:0,1 starts a process for each card but the first.
func (a *app) crew(sig *interruption, f runFlags, spec *dsl.Spec) (*crew, error) {
	place, err := launch.Find()
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	name, cards, err := a.cards(f.device)
	if err != nil || place == nil && len(cards) < 2 {
		return nil, err
	}
	world := len(cards)
	if place != nil {
		world = place.World
		if cards, err = a.cardOf(place, name, cards); err != nil {
			return nil, err
		}
	}
	if _, err := engine.ShareOf(spec.Train.Replicas, 0, world); err != nil {
		return nil, exit(exitUsage, fmt.Errorf("--device %s: %w", f.device, err))
	}
	if err := cardsWork(); err != nil {
		return nil, exit(exitUsage, fmt.Errorf("--device %s: %w", f.device, err))
	}
	c := &crew{data: f.data}
	c.Card = uuid(cards[0])
	c.Stop = func(rank int, signal string) {
		fmt.Fprintf(report.PlainWriter(a.err), "rank %d was asked to stop (%s)\n", rank, signal)
		sig.cancel()
	}
	c.Save = func() {
		select {
		case sig.save <- struct{}{}:
		default:
		}
	}
	say := func(line string) { fmt.Fprintln(a.err, line) }
	progress := new(gpu.Progress)
	c.Reached = progress.Reached
	c.Local = func(lost <-chan struct{}) (engine.Backend, []byte, error) {
		id, err := nccl.NewID()
		b := gpu.Backend{Card: cards[0], Group: &gpu.Group{World: world, ID: id, Lost: lost, Progress: progress}, Tune: tunes(), Report: say, Stop: func() bool { return sig.Err() != nil }}
		return b, id[:], err
	}
	if place != nil {
		f.meets()
		err = notMet(sig, c.meet(sig, place, a.waits))
	} else {
		err = c.start(cards)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	c.Begin()
	return c, nil
}

// cardsWork says whether this machine has all that several cards need.
func cardsWork() error {
	if err := gpu.Available(); err != nil {
		return err
	}
	if err := load.Check(true); err != nil {
		return err
	}
	_, err := nccl.Version()
	return err
}

// uuid names a card of this machine; "" if there is none of that number.
func uuid(card int) string {
	ds, err := cuda.Devices()
	if err != nil || card >= len(ds) {
		return ""
	}
	return ds[card].UUID()
}

func tunes() bool { return os.Getenv("SHAKE_AUTOTUNE") != "0" }

// meet waits for the ranks that a launcher started.
func (c *crew) meet(ctx context.Context, place *launch.Place, say func(string)) error {
	conns, err := place.Meet(ctx, launch.Deadline, say)
	if err != nil {
		return err
	}
	for rank, conn := range conns[1:] {
		c.Peers = append(c.Peers, &parallel.Peer{Rank: rank + 1, Name: "at " + conn.RemoteAddr().String(), Conn: conn})
	}
	return nil
}

// start starts a process for every card but the first.
func (c *crew) start(cards []int) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for i, card := range cards[1:] {
		p, err := launch.Spawn(exe, "rank", strconv.Itoa(i+1), strconv.Itoa(card))
		if err != nil {
			return err
		}
		c.started = append(c.started, p.ID())
		c.Peers = append(c.Peers, &parallel.Peer{Rank: i + 1, Name: fmt.Sprintf("card %d", card), Conn: p.Conn, Ended: p.Ended})
	}
	return nil
}

// backend is the run's backend; nil on one card.
func (c *crew) backend() engine.Backend {
	if c == nil {
		return nil
	}
	return &c.Backend
}

// processes are the numbers of the other ranks' processes, where this process started them. Those
// of a launcher's processes are not known, even on one machine.
func (c *crew) processes() []int {
	if c == nil {
		return nil
	}
	return c.started
}

// mission is the training of a network by all ranks, without its images.
func (c *crew) mission(spec *dsl.Spec) mission {
	o := mission{Version: revision(), Name: spec.Name, Spec: spec.TOML(), World: len(c.Peers) + 1, Tune: tunes()}
	o.NCCL, _ = nccl.Version() // cardsWork asked for it
	return o
}

// profile fills in that the other ranks train on the built-in images of a profile.
func (c *crew) profile(spec *dsl.Spec) {
	o := c.mission(spec)
	o.BuiltIn = true
	c.Hello, _ = json.Marshal(o)
}

// brief fills in the mission of the other ranks.
func (c *crew) brief(spec *dsl.Spec, sets *data.Sets) {
	if c == nil {
		return
	}
	o := c.mission(spec)
	o.Train, o.Test = train.Fingerprint(sets.Train), train.Fingerprint(train.Joined(sets.Test, sets.Validation))
	if c.started != nil {
		o.Data = c.data
	}
	c.Hello, _ = json.Marshal(o) // strings and numbers
}

// close hangs up, and waits for the processes that were started.
func (c *crew) close() {
	if c != nil {
		c.End()
	}
}

// cardOf is the card of a process that a launcher started: the one that --device names, the only
// one that it sees, or that of its number among the processes of its machine.
func (a *app) cardOf(place *launch.Place, device string, cards []int) ([]int, error) {
	if device != "gpu" && device != "auto" {
		return nil, exit(exitUsage, fmt.Errorf("--device %s: %s made %d processes, which train together on cards: want gpu", device, place.Launcher, place.World))
	}
	if len(cards) == 1 {
		return cards, nil
	}
	if len(cards) > 1 {
		return nil, exit(exitUsage, fmt.Errorf("--device: %s made %d processes, and each takes one card, not %d: leave the list out", place.Launcher, place.World, len(cards)))
	}
	n, err := gpu.Cards()
	switch {
	case err != nil:
		return nil, exit(exitUsage, err)
	case n == 1:
		return []int{0}, nil
	case place.Local >= n:
		return nil, exit(exitUsage, fmt.Errorf("rank %d is process %d of its machine, which shows it %d cards: start as many processes as there are cards", place.Rank, place.Local, n))
	case place.Local < 0:
		return nil, exit(exitUsage, fmt.Errorf("rank %d sees %d cards, and %s does not say which is its own: --device gpu:0 and so on, or CUDA_VISIBLE_DEVICES", place.Rank, n, place.Launcher))
	}
	return []int{place.Local}, nil
}

// reported is the error of Serve as this process reports it: rank 0 says the rest.
func reported(err error, rank int) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, parallel.ErrLeft) && rank == 1:
		return errors.New("rank 0 is gone, and the other ranks with it; its output says why")
	}
	return &fault{exitInternal, nil}
}
