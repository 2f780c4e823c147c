package profile

import (
	"shake/internal/data"
	"shake/internal/engine"
	"shake/internal/graph"
)

// BuiltIn are n images of the built-in set in the size of a network's input: each pixel is the
// nearest one of the image, each channel one of its three, each label one of the network's classes.
func BuiltIn(g *graph.Graph, n int) (train, test *engine.Images) {
	train, test = data.Synthetic(1, n, n)
	in := g.Values[g.Input]
	return resized(train, in, g.Classes), resized(test, in, g.Classes)
}

func resized(im *engine.Images, in graph.Value, classes int) *engine.Images {
	out := &engine.Images{N: im.N, C: in.C, H: in.H, W: in.W, Classes: classes}
	for c := range in.C {
		out.Mean, out.Std = append(out.Mean, im.Mean[c%im.C]), append(out.Std, im.Std[c%im.C])
	}
	for i := range im.N {
		for c := range in.C {
			plane := im.Pix[(i*im.C+c%im.C)*im.H*im.W:]
			for y := range in.H {
				for x := range in.W {
					out.Pix = append(out.Pix, plane[y*im.H/in.H*im.W+x*im.W/in.W])
				}
			}
		}
		out.Labels = append(out.Labels, im.Labels[i]%uint16(classes))
	}
	return out
}
