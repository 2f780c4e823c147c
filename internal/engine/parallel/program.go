package parallel

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"shake/internal/engine"
	"shake/internal/graph"
)

// Backend makes programs on all ranks. It is rank 0's.
type Backend struct {
	// Local makes rank 0's backend, and the token by which the devices of the other ranks meet its.
	// lost is closed when a rank is gone.
	Local func(lost <-chan struct{}) (b engine.Backend, token []byte, err error)
	Hello []byte // the training of the other ranks, in a form that Worker.Open understands
	Card  string // rank 0's, by UUID; "": not known
	Peers []*Peer
	// Reached tells how far rank 0's device has come: at grows as long as it computes, and is
	// greater than that of another rank's device for which it waits. work is not 0 as long as the
	// host prepares something, so that the device may stand still, and another number after each
	// thing that it has prepared. It is called from any goroutine, also before there is a program.
	// A rank that hangs is known by it; nil: not known.
	Reached func() (at, work uint64)
	// Stop and Save are called, from another goroutine, when another rank was asked by a signal to
	// stop or to write a checkpoint. nil: nothing is done.
	Stop func(rank int, signal string)
	Save func()

	beat  time.Duration // tests shorten it; 0: beat
	group *group        // nil before Begin
}

// Begin sends signs of life to the other ranks, and looks for theirs: those ranks that have come
// wait no longer than six seconds for a process that is stopped, while this one reads its data.
// Compile begins too. The fields of b must not change any more but Hello.
func (b *Backend) Begin() {
	if b.group == nil {
		b.group = newGroup(b)
	}
}

// End hangs up in good order, and waits for processes that were started here. It may be called
// before Begin, more than once, and after a program was closed.
func (b *Backend) End() {
	if b.group != nil {
		b.group.over.Do(func() { close(b.group.ended) })
	}
	hangUp(b.Peers)
	for _, p := range b.Peers {
		if p.Ended != nil {
			p.Ended()
		}
	}
}

// Name returns "gpu": only cards train together.
func (b *Backend) Name() string { return "gpu" }

// Compile implements engine.Backend. A backend compiles once.
func (b *Backend) Compile(g *graph.Graph, c engine.Config) (engine.Program, error) {
	b.Begin()
	group := b.group
	group.compiled.Store(true)
	if err := group.apart(b.Card); err != nil {
		group.fail(nil, err)
		return nil, err
	}
	local, token, err := b.Local(group.lost)
	if err != nil {
		group.fail(nil, err)
		return nil, err
	}
	if b.Reached != nil {
		group.keepPace(b.Reached)
	}
	p := &program{group: group}
	var answers []answer
	var made engine.Program
	answers, err = p.all(request{Op: opCompile, Hello: b.Hello, Token: token}, func() (err error) {
		made, err = local.Compile(g, c)
		return err
	})
	if !p.stuck {
		p.Program = made
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	p.info = p.Program.Info()
	for i, a := range answers {
		if a.Info.Detail != p.info.Detail {
			err := fmt.Errorf("%v has %s, rank 0 %s: cards that train together are of one kind", b.Peers[i], a.Info.Detail, p.info.Detail)
			group.fail(nil, err)
			p.Close()
			return nil, err
		}
		p.info.Cards = append(p.info.Cards, a.Info.Cards...)
		p.info.Memory = max(p.info.Memory, a.Info.Memory)
	}
	p.info.Workers = len(b.Peers) + 1
	p.info.Detail = fmt.Sprintf("%d cards: %s", p.info.Workers, p.info.Detail)
	group.watch(p.Program)
	return p, nil
}

// program is rank 0's program, and all others through it.
type program struct {
	engine.Program
	group *group
	info  engine.Info
	done  bool
	stuck bool // a call never ended: the device is left alone
}

// all sends a request to all ranks, makes the call here, and collects the answers.
func (p *program) all(r request, local func() error) ([]answer, error) {
	g := p.group
	if err := g.reason(); err != nil {
		return nil, err
	}
	for _, peer := range g.peers {
		if err := peer.line.send(r); err != nil {
			g.fail(peer, err)
			return nil, g.reason()
		}
	}
	g.calling.Add(1)
	defer g.calling.Add(-1)
	if err := p.attempt(local); err != nil {
		if p.stuck {
			return nil, g.reason()
		}
		// A rank that is gone is the better reason. Its last words may be on the way.
		if !g.gone(time.Second/2) || g.reason() == nil {
			g.fail(nil, err)
			return nil, err
		}
		return nil, g.reason()
	}
	if r.Op == opStep {
		return nil, g.reason()
	}
	g.calls.Add(1)
	var out []answer
	for _, peer := range g.peers {
		select {
		case a := <-peer.answers:
			if a.Op != r.Op {
				err := fmt.Errorf("parallel: %v answers %d to %d", peer, a.Op, r.Op)
				g.fail(nil, err)
				return nil, err
			}
			out = append(out, a)
		case <-g.lost:
			return nil, g.reason()
		}
	}
	return out, nil
}

// attempt makes the call here. A card that hangs by itself never ends it: once a rank is lost, the
// call has a moment more, and the program is left as it is.
func (p *program) attempt(local func() error) error {
	done := make(chan error, 1)
	go func() { done <- local() }()
	select {
	case err := <-done:
		return err
	case <-p.group.lost:
	}
	select {
	case err := <-done:
		return err
	case <-time.After(leaveWait):
		p.stuck = true
		return errStuck
	}
}

// leaveWait is the time that a call has to end once a rank is lost.
const leaveWait = 2 * time.Second

var errStuck = errors.New("parallel: the call does not end")

// Info implements engine.Program.
func (p *program) Info() engine.Info { return p.info }

// Step implements engine.Program.
func (p *program) Step(s engine.Step) error {
	_, err := p.all(request{Op: opStep, Step: s}, func() error { return p.Program.Step(s) })
	return err
}

// Metrics implements engine.Program.
func (p *program) Metrics(reset bool) (m engine.Metrics, err error) {
	answers, err := p.all(request{Op: opMetrics, Reset: reset}, func() (err error) {
		m, err = p.Program.Metrics(reset)
		return err
	})
	if err != nil {
		return engine.Metrics{}, err
	}
	return m, p.agree(m, answers)
}

// Eval implements engine.Program.
func (p *program) Eval(lo, hi int) (m engine.Metrics, err error) {
	answers, err := p.all(request{Op: opEval, Lo: lo, Hi: hi}, func() (err error) {
		m, err = p.Program.Eval(lo, hi)
		return err
	})
	if err != nil {
		return engine.Metrics{}, err
	}
	return m, p.agree(m, answers)
}

// agree is an error if another rank has other metrics: all have exchanged all losses.
func (p *program) agree(m engine.Metrics, answers []answer) error {
	for i, a := range answers {
		o := a.Metrics
		same := o.Images == m.Images && o.Errors == m.Errors && o.BadStep == m.BadStep && math.Float64bits(o.Loss) == math.Float64bits(m.Loss)
		if !same && !(math.IsNaN(m.Loss) && math.IsNaN(o.Loss)) {
			err := fmt.Errorf("parallel: %v has the metrics %+v, rank 0 %+v: the ranks no longer train the same network", p.group.peers[i], o, m)
			p.group.fail(nil, err)
			return err
		}
	}
	return nil
}

// Logits implements engine.Program.
func (p *program) Logits(lo, hi int) (z []float32, err error) {
	_, err = p.all(request{Op: opLogits, Lo: lo, Hi: hi}, func() (err error) {
		z, err = p.Program.Logits(lo, hi)
		return err
	})
	if err != nil {
		return nil, err
	}
	return z, nil
}

const replica = "replica"

// State implements engine.Program. The running statistics of the other ranks' replicas stand behind
// rank 0's.
func (p *program) State() (ts []engine.Tensor, err error) {
	answers, err := p.all(request{Op: opState}, func() (err error) {
		ts, err = p.Program.State()
		return err
	})
	if err != nil {
		return nil, err
	}
	end := len(ts)
	for end > 0 && !strings.HasPrefix(ts[end-1].Name, replica) {
		end--
	}
	for _, a := range answers {
		ts = slices.Insert(ts, end, unpack(a.Tensors)...)
		end += len(a.Tensors)
	}
	return ts, nil
}

// SetState implements engine.Program. A rank takes the running statistics of its own replicas.
func (p *program) SetState(ts []engine.Tensor) error {
	known, err := p.State()
	if err != nil {
		return err
	}
	if err := fits(known, ts); err != nil {
		return err
	}
	own, err := p.Program.State()
	if err != nil {
		return err
	}
	mine := slices.DeleteFunc(slices.Clone(ts), func(t engine.Tensor) bool {
		return strings.HasPrefix(t.Name, replica) && !slices.ContainsFunc(own, func(o engine.Tensor) bool { return o.Name == t.Name })
	})
	_, err = p.all(request{Op: opSetState, Tensors: pack(ts)}, func() error { return p.Program.SetState(mine) })
	return err
}

// fits is the error of Program.SetState for tensors that the network does not have: it has to come
// before any rank sets one.
func fits(known, ts []engine.Tensor) error {
	var problems []error
	for _, t := range ts {
		i := slices.IndexFunc(known, func(k engine.Tensor) bool { return k.Name == t.Name })
		switch {
		case i < 0:
			problems = append(problems, fmt.Errorf("%s: the network has no such tensor", t.Name))
		case !slices.Equal(known[i].Shape, t.Shape) || len(known[i].F32) != len(t.F32)+len(t.F64):
			problems = append(problems, fmt.Errorf("%s: want shape %v, have %v", t.Name, known[i].Shape, t.Shape))
		}
	}
	if problems != nil {
		return fmt.Errorf("setting state: %w", errors.Join(problems...))
	}
	return nil
}

// Close implements engine.Program: all ranks close, and end.
func (p *program) Close() error {
	if p.done {
		return nil
	}
	p.done = true
	close := func() error {
		if p.Program == nil || p.stuck {
			return nil
		}
		return p.Program.Close()
	}
	if p.group.reason() != nil {
		return close()
	}
	_, err := p.all(request{Op: opClose}, close)
	p.group.b.End()
	return err
}
