package dsl

import "fmt"

// The largest height or width of a map is twice that of an image: pads may make it grow, by mistake
// only.
const maxGrowth = 2

// maxLayers bounds the layers in all blocks of a network, so that a slip of the keyboard is an
// error and not an hour of allocation.
const maxLayers = 1 << 18

// maxDraws is the most draws of four numbers that a dropout makes for an image: a counter has 24
// bits for them.
const maxDraws = 1 << 24

// shape is C channels of an H×W map.
type shape struct{ c, h, w int }

func (s shape) String() string { return fmt.Sprintf("%d×%d×%d", s.c, s.h, s.w) }

// layerLists checks that each list has the layers that it must have.
func (c *checker) layerLists(n *Net) {
	needConv := func(path string, ls []Layer) {
		if c.ok(path) && countKind(ls, Conv) == 0 {
			c.fail(path, "at least one conv", c.nodes[path].have(), "")
		}
	}
	needConv("net.stem", n.Stem)
	needConv("net.branch", n.Branch)
	if c.ok("net.after", "net.skip") && len(n.After) > 0 && n.Skip == SkipConcat {
		c.fail("net.after", `[] with skip = "concat"`, c.nodes["net.after"].have(), "")
	}
	if c.ok("net.after") && len(n.After) > 1 {
		c.fail("net.after", `[] or ["relu"]`, c.nodes["net.after"].have(), "")
	}
	if c.ok("net.head") {
		c.head(n.Head)
	}
}

// net checks that the layers of a network fit together, walking every block once. No other code
// infers shapes from a Spec and reports them: graph.Build relies on this.
func (c *checker) net(n *Net) {
	layers := 0
	for _, st := range n.Stages {
		layers += st.Blocks * (n.Branches*len(n.Branch) + len(n.Before) + len(n.SkipLayers))
	}
	if layers > maxLayers {
		c.fail("net.stage", fmt.Sprintf("at most %d layers in all blocks", maxLayers), fmt.Sprint(layers), "")
		return
	}
	x, ok := c.layerShapes("net.stem", n.Stem, c.image, blockAt{stride: 1})
	if !ok {
		return
	}
	for i, st := range n.Stages {
		stride := st.Stride
		if i > 0 && len(n.Transition) > 0 {
			at := blockAt{stage: i + 1, width: st.Width, stride: stride}
			if x, ok = c.layerShapes("net.transition", n.Transition, x, at); !ok || !c.strided("net.transition", n.Transition, at) {
				return
			}
			stride = 1
		}
		for b := range st.Blocks {
			at := blockAt{stage: i + 1, width: st.WidthOf(b), stride: 1}
			if b == 0 {
				at.stride = stride
			}
			before := x
			if x, ok = c.block(n, at, x); !ok {
				return
			}
			if b > 0 && x == before && st.Last == 0 { // and so do the rest of the stage
				break
			}
		}
	}
}

// blockAt is a block as its layers see it.
type blockAt struct {
	stage         int // from 1
	width, stride int
}

func (a blockAt) where() string {
	if a.stage == 0 {
		return ""
	}
	return fmt.Sprintf(" in stage %d", a.stage)
}

// block checks one block on a map x and returns its output.
func (c *checker) block(n *Net, at blockAt, x shape) (shape, bool) {
	y, ok := c.layerShapes("net.branch", n.Branch, x, at)
	if !ok {
		return y, false
	}
	if y.c != at.width {
		c.fail(lastConv("net.branch", n.Branch), fmt.Sprintf("a branch that ends in the stage's width, %d channels%s", at.width, at.where()), fmt.Sprint(y.c), "")
		return y, false
	}
	if !c.strided("net.branch", n.Branch, at) {
		return y, false
	}
	switch n.Skip {
	case SkipNone:
		return y, true
	case SkipConcat:
		return c.concat(at, x, y)
	}
	skip := shape{at.width, (x.h-1)/at.stride + 1, (x.w-1)/at.stride + 1}
	if n.Skip == SkipList && (at.stride > 1 || x.c != at.width) {
		if skip, ok = c.layerShapes("net.skip", n.SkipLayers, x, at); !ok || !c.strided("net.skip", n.SkipLayers, at) {
			return y, false
		}
		if skip.c != at.width {
			c.fail(lastConv("net.skip", n.SkipLayers), fmt.Sprintf("a skip that ends in the stage's width, %d channels%s", at.width, at.where()), fmt.Sprint(skip.c), "")
			return y, false
		}
		if y != skip {
			c.fail("net.skip", fmt.Sprintf("an output of %v like the branches'%s", y, at.where()), skip.String(), "look at the pads and strides")
			return y, false
		}
	}
	if y != skip {
		c.fail("net.branch", fmt.Sprintf("an output of %v like the skip's%s", skip, at.where()), y.String(), "look at the pads and strides")
		return y, false
	}
	return y, c.skipWord(n, at, x, y)
}

// concat checks that y, the channels that a block adds, can stand behind those of x.
func (c *checker) concat(at blockAt, x, y shape) (shape, bool) {
	switch {
	case at.stride > 1:
		c.fail(fmt.Sprintf("net.stage[%d].stride", at.stage), `1, since a block with skip = "concat" keeps the map`, fmt.Sprint(at.stride), "a transition takes the stride")
	case y.h != x.h || y.w != x.w:
		c.fail("net.branch", fmt.Sprintf("an output of %v%s, on the input's map with skip = \"concat\"", shape{y.c, x.h, x.w}, at.where()), y.String(), "look at the pads and strides")
	case x.c+y.c > maxChannels:
		c.fail("net.skip", fmt.Sprintf("at most %d channels%s", maxChannels, at.where()), fmt.Sprint(x.c+y.c), "")
	default:
		x.c += y.c
		return x, true
	}
	return y, false
}

// strided checks that a list of layers takes the stride of its block.
func (c *checker) strided(path string, ls []Layer, at blockAt) bool {
	if at.stride == 1 || takesStride(ls) {
		return true
	}
	c.fail(path, fmt.Sprintf("a conv or pool that takes the stage's stride %d%s", at.stride, at.where()), "numbers for all of them", "write stride = true in one")
	return false
}

// skipWord checks that a skip that is a word can make y of x.
func (c *checker) skipWord(n *Net, at blockAt, x, y shape) bool {
	stage := fmt.Sprintf("net.stage[%d]", at.stage)
	if changes := at.stride > 1 || x.c != at.width; changes && n.Skip == SkipIdentity {
		c.fail("net.skip", `"two-flow", "conv", "none" or a list of layers: `+fmt.Sprintf("%s changes the shape from %v to %v", stage, x, y), `"identity"`, "")
		return false
	} else if changes && n.Skip == SkipTwoFlow && at.width%2 != 0 {
		c.fail(stage+".width", "an even number: each flow of a two-flow skip makes half of the channels", fmt.Sprint(at.width), "")
		return false
	}
	return true
}

// layerShapes follows x through a list of layers of a block; outside of blocks blk is zero.
func (c *checker) layerShapes(path string, ls []Layer, x shape, blk blockAt) (shape, bool) {
	ok := true
	for i, l := range ls {
		at := fmt.Sprintf("%s[%d]", path, i+1)
		out, fits := x.c, true
		switch {
		case l.Kind == Widen && x.c > blk.width:
			c.fail(at, fmt.Sprintf("at most %d channels, the stage's width, to widen%s", blk.width, blk.where()), fmt.Sprint(x.c), "")
			return x, false
		case l.Kind == Widen:
			x.c = blk.width
		case l.Kind == Dropout && x.h*x.w*((x.c+3)/4) > maxDraws:
			c.fail(at, fmt.Sprintf("a map of at most %d numbers%s", 4*maxDraws, blk.where()), x.String(), "")
			return x, false
		case l.Kind == Conv:
			if out, fits = c.channels(at, l, x.c, blk); out == 0 {
				return x, false
			}
		}
		if !l.windowed() || l.LeftOut(blk.stride) {
			continue
		}
		ok = ok && fits
		if x, fits = c.windows(at, l, x, blk); !fits {
			return x, false
		}
		x.c = out
	}
	return x, ok
}

// channels is the number of output channels of a conv that reads in channels, 0 if it is wrong.
func (c *checker) channels(at string, l Layer, in int, blk blockAt) (out int, ok bool) {
	out, where := blk.width, blk.where()
	if l.Out != 0 {
		if out, ok = c.resolve(at+".out", l.Out, l.OutUnit, blk.width, in, where); !ok {
			return 0, false
		}
	}
	groups, ok := c.resolve(at+".groups", l.Groups, l.GroupsUnit, blk.width, in, where)
	if ok && (in%groups != 0 || out%groups != 0) {
		c.fail(at+".groups", fmt.Sprintf("a divisor of %d input and %d output channels%s", in, out, where), sizeText(l.Groups, l.GroupsUnit), "")
		return out, false
	}
	return out, ok
}

// windows is the map that a conv or pool makes of x, with x's channels.
func (c *checker) windows(at string, l Layer, x shape, blk blockAt) (shape, bool) {
	s, where := l.Stride, blk.where()
	if l.TakesStride {
		s = blk.stride
	}
	if l.Kind != Conv && l.Pad > min(l.R, l.S)/2 {
		c.fail(at+".pad", fmt.Sprintf("at most half of a %dx%d window", l.R, l.S), fmt.Sprint(l.Pad), "")
		return x, false
	}
	h, w := x.h+2*l.Pad-l.R, x.w+2*l.Pad-l.S
	if h < 0 || w < 0 {
		c.fail(at, fmt.Sprintf("a kernel that fits into a %d×%d map with pad %d%s", x.h, x.w, l.Pad, where), fmt.Sprintf("%dx%d", l.R, l.S), "")
		return x, false
	}
	x.h, x.w = h/s+1, w/s+1
	if most := maxGrowth * c.image.h; max(x.h, x.w) > most {
		c.fail(at, fmt.Sprintf("a map of at most %d×%d%s", most, most, where), fmt.Sprintf("%d×%d", x.h, x.w), "look at its pad")
		return x, false
	}
	return x, true
}

// head checks [relu | bn]* avgpool linear.
func (c *checker) head(ls []Layer) {
	last := len(ls) - 1
	pools := 0
	for i, l := range ls {
		at := fmt.Sprintf("net.head[%d]", i+1)
		switch {
		case l.Kind == Linear && i != last:
			c.fail(at, `"linear" only as the last layer`, fmt.Sprintf("it in place %d of %d", i+1, len(ls)), "")
		case l.Kind == AvgPool:
			pools++
			if pools > 1 {
				c.fail(at, `one "avgpool"`, "a second", "")
			}
		case l.Kind != Linear && pools > 0:
			c.fail(at, `"linear" after "avgpool"`, c.nodes[at].have(), "")
		}
	}
	if !c.ok("net.head") {
		return
	}
	if pools == 0 {
		c.fail("net.head", `"avgpool" before "linear"`, c.nodes["net.head"].have(), "")
	}
	if ls[last].Kind != Linear {
		c.fail("net.head", `"linear" at the end`, c.nodes["net.head"].have(), "")
	}
}

func countKind(ls []Layer, k LayerKind) int {
	n := 0
	for _, l := range ls {
		if l.Kind == k {
			n++
		}
	}
	return n
}

func takesStride(ls []Layer) bool {
	for _, l := range ls {
		if l.TakesStride {
			return true
		}
	}
	return false
}

// lastConv is the key of the last conv of a list.
func lastConv(path string, ls []Layer) string {
	for i := len(ls) - 1; i >= 0; i-- {
		if ls[i].Kind == Conv {
			return fmt.Sprintf("%s[%d]", path, i+1)
		}
	}
	return path
}
