package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"shake/internal/graph"
)

// Slot is one named array of a program's state, where the device keeps it: float64 in ref, float32
// elsewhere.
type Slot[F float32 | float64] struct {
	Name  string
	Shape []int
	Data  []F
}

// Snapshot copies slots, in their order: Program.State.
func Snapshot[F float32 | float64](slots []Slot[F]) []Tensor {
	ts := make([]Tensor, len(slots))
	for i, s := range slots {
		ts[i] = Tensor{Name: s.Name, Shape: slices.Clone(s.Shape)}
		switch data := any(slices.Clone(s.Data)).(type) {
		case []float32:
			ts[i].F32 = data
		case []float64:
			ts[i].F64 = data
		}
	}
	return ts
}

// Restore copies tensors into the slots that they name: Program.SetState. The error names every
// tensor that does not fit, and changes nothing.
func Restore[F float32 | float64](slots []Slot[F], ts []Tensor) error {
	byName := map[string]Slot[F]{}
	for _, s := range slots {
		byName[s.Name] = s
	}
	var problems []error
	for _, t := range ts {
		s, ok := byName[t.Name]
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("%s: the network has no such tensor", t.Name))
		case !slices.Equal(t.Shape, s.Shape):
			problems = append(problems, fmt.Errorf("%s: want shape %v, have %v", t.Name, s.Shape, t.Shape))
		case (t.F32 == nil) == (t.F64 == nil) || len(t.F32)+len(t.F64) != len(s.Data):
			problems = append(problems, fmt.Errorf("%s: want %d numbers in one of F32 and F64, have %d and %d", t.Name, len(s.Data), len(t.F32), len(t.F64)))
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("setting state: %w", errors.Join(problems...))
	}
	for _, t := range ts {
		data := byName[t.Name].Data
		for i, v := range t.F32 {
			data[i] = F(v)
		}
		for i, v := range t.F64 {
			data[i] = F(v)
		}
	}
	return nil
}

// NormLayer is one BN layer of a network within a norm of its plan.
type NormLayer struct {
	graph.NormPart
	Norm NormID
}

// NormLayers lists the BN layers in the order of the graph as it was before the passes, in which
// every backend keeps their running statistics.
func NormLayers(g *graph.Graph, plan *Plan) []NormLayer {
	fused := map[string]NormLayer{}
	for i, op := range plan.Norms {
		for _, part := range op.Parts {
			fused[part.Name] = NormLayer{part, NormID(i)}
		}
	}
	var out []NormLayer
	for _, op := range g.Ops {
		if n, ok := op.(*graph.Norm); ok {
			for _, part := range n.Parts {
				out = append(out, fused[part.Name])
			}
		}
	}
	return out
}

// Check says what keeps the images from being c×h×w ones of at most classes classes: Program.Load.
// nil is no data set, and fits.
func (im *Images) Check(c, h, w, classes int) error {
	if im == nil {
		return nil
	}
	if im.C != c || im.H != h || im.W != w {
		return fmt.Errorf("want images of %dx%dx%d, have %dx%dx%d", c, h, w, im.C, im.H, im.W)
	}
	if im.N < 0 || len(im.Pix) != im.N*c*h*w || len(im.Labels) != im.N {
		return fmt.Errorf("want %d bytes and %d labels for %d images, have %d and %d", im.N*c*h*w, im.N, im.N, len(im.Pix), len(im.Labels))
	}
	if len(im.Mean) != c || len(im.Std) != c {
		return fmt.Errorf("want mean and std of %d channels, have %d and %d", c, len(im.Mean), len(im.Std))
	}
	for i, s := range im.Std {
		if !(s > 0) || math.IsInf(s, 0) || math.IsNaN(im.Mean[i]) || math.IsInf(im.Mean[i], 0) {
			return fmt.Errorf("want finite means and positive stds, have %v and %v", im.Mean, im.Std)
		}
	}
	for i, l := range im.Labels {
		if int(l) >= classes {
			return fmt.Errorf("label of image %d: want 0..%d, have %d", i, classes-1, l)
		}
	}
	return nil
}
