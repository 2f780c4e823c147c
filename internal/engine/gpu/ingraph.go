package gpu

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"shake/cudnn/cupti"
)

// InGraph is CUPTI's record of the kernels inside the captured step, as means of some launches.
type InGraph struct {
	Version string          // CUPTI's
	Ops     []time.Duration // by List.Ops; 0: none of its kernels was seen
	Kernels int             // of a step
	Unknown int             // of these, the ones that belong to no op that launched the like by itself
	Sum     time.Duration   // of all kernels
	Busy    time.Duration   // in which at least one ran
}

// graphLaunches are recorded for one InGraph.
const graphLaunches = 3

// inGraph records r's items launched one by one, each marked with its op, and then its graph.
func (p *program) inGraph(r *runner) (*InGraph, error) {
	version, err := cupti.Version()
	if err != nil {
		return nil, err
	}
	if p.recorder, err = cupti.Start(); err != nil {
		return nil, err
	}
	rec, s := p.recorder, p.dev.streams[mainStream]
	err = errors.Join(p.launch(r), s.Synchronize())
	p.recorder = nil
	if err == nil {
		err = p.replayed(r)
	}
	ks, stopped := rec.Stop()
	if err = errors.Join(err, stopped); err != nil {
		return nil, err
	}
	g := divide(ks, len(p.list.Ops))
	g.Version = version
	return g, nil
}

// replayed launches r as a graph and waits for it.
func (p *program) replayed(r *runner) error {
	s := p.dev.streams[mainStream]
	g, err := captured(s, func() error { return p.launch(r) })
	if err != nil {
		return err
	}
	for range graphLaunches {
		err = errors.Join(err, g.Launch(s))
	}
	return errors.Join(err, s.Synchronize(), g.Close())
}

// likeness joins a kernel of a graph with its like that was launched by itself.
type likeness struct {
	name        string
	grid, block [3]int32
	shared      int32
}

func like(k cupti.Kernel) likeness { return likeness{k.Name, k.Grid, k.Block, k.Shared} }

// divide gives the kernels of graphs to so many ops. A graph's records do not name the captured
// launch: the n-th kernel of a likeness is that of the n-th op that launched such a one by itself,
// in the order of their starts. Likes on one stream keep their order; those of different streams
// may be taken for each other.
func divide(ks []cupti.Kernel, ops int) *InGraph {
	g := &InGraph{Ops: make([]time.Duration, ops)}
	alone, graphs := []cupti.Kernel{}, map[uint32][]cupti.Kernel{}
	for _, k := range ks {
		if k.Graph == 0 && k.Node == 0 {
			alone = append(alone, k)
		} else {
			graphs[k.Call] = append(graphs[k.Call], k)
		}
	}
	slices.SortStableFunc(alone, func(a, b cupti.Kernel) int { return cmp.Compare(a.Call, b.Call) })
	of := map[likeness][]int{}
	for _, k := range alone {
		if k.Mark > 0 && int(k.Mark) <= ops {
			of[like(k)] = append(of[like(k)], int(k.Mark)-1)
		}
	}
	for _, launch := range graphs {
		seen := map[likeness]int{}
		var end time.Duration
		for i, k := range launch {
			l := like(k)
			if seen[l] < len(of[l]) {
				g.Ops[of[l][seen[l]]] += k.End - k.Start
			} else {
				g.Unknown++
			}
			seen[l]++
			g.Kernels++
			g.Sum += k.End - k.Start
			if i == 0 || k.Start > end {
				end = k.Start
			}
			if k.End > end {
				g.Busy, end = g.Busy+k.End-end, k.End
			}
		}
	}
	n := max(len(graphs), 1)
	for i := range g.Ops {
		g.Ops[i] /= time.Duration(n)
	}
	g.Kernels, g.Unknown, g.Sum, g.Busy = g.Kernels/n, g.Unknown/n, g.Sum/time.Duration(n), g.Busy/time.Duration(n)
	return g
}
