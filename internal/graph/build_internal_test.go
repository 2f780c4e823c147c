package graph

import (
	"testing"

	"shake/dsl"
)

// TestSingleBranchResNeXt counts the single-branch ResNeXts of the paper's Table 3. Their 3x3 is
// wider than the block (G x 64 channels times 1, 2, 4 inside blocks of 256, 512, 1024), so each
// stage has a branch of its own and the stages are built one by one.
func TestSingleBranchResNeXt(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups int
		want   int64
	}{
		{"16x64d", 16, 68_155_210},
		{"8x64d", 8, 34_426_698},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &builder{g: &Graph{Name: c.name, Classes: 10}}
			b.g.Input = b.value("input", inputC, inputH, inputW)
			bn, relu := dsl.Layer{Kind: dsl.BN}, dsl.Layer{Kind: dsl.ReLU}
			conv := func(r, out, groups int) dsl.Layer {
				return dsl.Layer{Kind: dsl.Conv, R: r, S: r, Out: out, Groups: groups, Stride: 1, Pad: (r - 1) / 2}
			}
			x := b.g.Input
			for i, l := range []dsl.Layer{conv(3, 64, 1), bn, relu} {
				x = b.layer([]string{"stem.0", "stem.1", "stem.2"}[i], l, x, 0, 0)
			}
			for s := 0; s < 3; s++ {
				inner := c.groups * 64 << s
				grouped := conv(3, inner, c.groups)
				grouped.TakesStride = true
				n := &dsl.Net{
					Branch:   []dsl.Layer{conv(1, inner, 1), bn, relu, grouped, bn, relu, conv(1, 0, 1), bn},
					Branches: 1, Skip: dsl.SkipConv, After: []dsl.Layer{relu},
				}
				st := dsl.Stage{Width: 256 << s, Blocks: 3, Stride: min(s+1, 2)}
				x = b.stage(s, st, n, dsl.Shake{}, x)
			}
			b.head([]dsl.Layer{{Kind: dsl.AvgPool}, {Kind: dsl.Linear}}, x)
			if err := Check(b.g); err != nil {
				t.Fatal(err)
			}
			s := Summarize(b.g)
			if s.Parameters != c.want || s.Depth != 29 {
				t.Errorf("want %d parameters and depth 29, have %d and %d", c.want, s.Parameters, s.Depth)
			}
		})
	}
}
