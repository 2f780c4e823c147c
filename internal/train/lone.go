package train

import (
	"fmt"

	"shake/internal/engine"
	"shake/internal/graph"
)

// lone returns a warning if batch normalization of g sees one value a channel in a replica, in a
// full batch or in the last one of an epoch of n images: the value is its own mean, and the output
// the shift alone, whatever the image. "" if every norm has more to normalise.
func lone(g *graph.Graph, n, batch, replicas int) string {
	name := ""
	for _, op := range g.Ops {
		norm, ok := op.(*graph.Norm)
		if !ok {
			continue
		}
		if v := g.Values[norm.X.Value]; v.H == 1 && v.W == 1 {
			name = norm.Parts[0].Name
			break
		}
	}
	last := n % batch
	switch {
	case name == "":
		return ""
	case n >= batch && single(batch, replicas):
		return fmt.Sprintf("batch normalization %s works on one value a channel: its maps are 1×1 and a replica has one image of a batch of %d; its output does not depend on the image. Fewer -o train.replicas or a larger -o train.batch helps", name, batch)
	case last > 0 && single(last, replicas):
		return fmt.Sprintf("batch normalization %s works on one value a channel in the last step of an epoch: its maps are 1×1 and a replica has one of %d images; its output does not depend on the image. Another -o train.batch or -o data.train_images helps", name, last)
	}
	return ""
}

// single tells whether a replica has exactly one image of a batch of n.
func single(n, replicas int) bool {
	for r := range replicas {
		if lo, hi := engine.ReplicaRange(n, replicas, r); hi-lo == 1 {
			return true
		}
	}
	return false
}
