package cuda

import (
	"fmt"
	"strings"
)

// StatsOf is one norm of a StatsSpec: channels Off .. Off+C-1 of its X.
type StatsOf struct {
	Off, C int
	Norm   NormRef
}

// StatsSpec takes the statistics of a batch for norms over channels of one activation. It sets the
// norms' mean, invstd, scale and shift, and moves their running statistics. Norms may share
// channels.
//
//	stats(x, gamma_at0, beta_at0, norm0, running0, gamma_at1, ..., params, partial, counter, n)
type StatsSpec struct {
	Shape
	X     Slice
	Norms []StatsOf
}

// Kernel specialises stats.cu; its launches are for n images.
func (s StatsSpec) Kernel() (*Kernel, error) {
	b := newBuilder("stats")
	b.fits("X", s.X)
	b.want(len(s.Norms) > 0, "Norms", "at least one", 0)
	slices, sizes := []Slice{}, []int{}
	for k, o := range s.Norms {
		name := fmt.Sprintf("Norms[%d]", k)
		b.want(o.C >= 1 && o.Off >= 0 && o.Off+o.C <= s.X.C, name, fmt.Sprintf("channels of %d", s.X.C), fmt.Sprintf("%d from %d", o.C, o.Off))
		b.norm(name, &o.Norm, o.C)
		slices, sizes = append(slices, s.X.sub(o.Off, o.C)), append(sizes, o.C)
	}
	t := b.newTile(s.Shape, slots, 2, sizes, slices...)
	if b.err != nil {
		return nil, b.err
	}
	b.include("types", "norm", "tile")
	b.add("x")
	slot, chunks := 0, t.cut(sizes)
	var line strings.Builder
	for k, o := range s.Norms {
		b.line("struct S%d { %s%s static constexpr int BASE = %d; };", k, slices[k].fields(), o.Norm.fields(), slot)
		fmt.Fprintf(&line, " F(%d, %d, %d)", chunks[k], chunks[k+1], k)
		b.add(fmt.Sprintf("gamma_at%d", k), fmt.Sprintf("beta_at%d", k), fmt.Sprintf("norm%d", k), fmt.Sprintf("running%d", k))
		slot += 3 * o.C
	}
	b.each("EACH_NORM", len(s.Norms))
	b.line("#define SEGMENTS(F)%s", line.String())
	b.ints("SLOT", slot, "CHUNKS", t.replicaChunks())
	b.include("column", "reduce", "stats_slots", "stats")
	b.add("params", "partial", "counter", "n:i")
	return b.done(t.reduction(slot, t.replicaChunks()))
}
