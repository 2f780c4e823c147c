package dsl

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxKernel is the largest height or width of a kernel.
const maxKernel = 32

var kernelForm = regexp.MustCompile(`^([1-9][0-9]?)x([1-9][0-9]?)$`)

// noPad marks a layer that does not say its padding, noStride one that does not say its stride,
// until the list is complete.
const (
	noPad    = -1
	noStride = 0
)

// layers checks a list of layers and resolves their defaults.
func (c *checker) layers(k key, n *node, path string, out *[]Layer) {
	list, ok := n.value.([]*node)
	if !ok || len(list) < min(k.least, 1) { // layerLists says what a short list lacks
		c.fail(path, k.want(), n.have(), "")
		return
	}
	for i, item := range list {
		at := fmt.Sprintf("%s[%d]", path, i+1)
		c.nodes[at] = item
		l := Layer{Kind: Conv, Pad: noPad, Stride: noStride, Groups: 1}
		switch v := item.value.(type) {
		case string:
			c.layerWord(k, v, item, at, &l)
		case table:
			if !slices.Contains(k.words, "convRxS") || misplaced(k.words, v) {
				c.fail(at, orList(layerForms(k.words)), item.have(), "")
				continue
			}
			if kinds := tableKinds(v); len(kinds) > 1 {
				c.fail(at, "one kind of layer a table", item.have(), "write "+strings.Join(kinds, " and ")+" as layers of their own")
				continue
			}
			keys := layerKeys(k.words, func(name string) bool { return v[name] != nil })
			l.Kind = LayerKind(slices.Index(layerWords, keys[0].name))
			c.table(keys, item, at, &l)
		default:
			c.fail(at, orList(layerForms(k.words)), item.have(), "")
		}
		*out = append(*out, l)
	}
	if !c.ok(path) {
		return
	}
	inBlock := k.strided()
	if inBlock {
		c.takeStride(path, *out)
	}
	for i := range *out {
		l := &(*out)[i]
		at := fmt.Sprintf("%s[%d]", path, i+1)
		l.settle()
		if !inBlock && l.windowed() {
			c.outside(at, *l)
		}
	}
}

// misplaced says whether a table is of a kind of layer that is not among the words.
func misplaced(words []string, t table) bool {
	for i, name := range layerWords {
		kind := LayerKind(i)
		if t[name] != nil && (kind == MaxPool || kind == AvgPool || kind == Dropout) && !slices.Contains(words, name) && !slices.Contains(words, name+"RxS") {
			return true
		}
	}
	return false
}

// tableKinds are the kinds of layer that a table names.
func tableKinds(t table) (kinds []string) {
	for _, kind := range []LayerKind{Conv, MaxPool, AvgPool, Dropout} {
		if name := layerWords[kind]; t[name] != nil {
			kinds = append(kinds, name)
		}
	}
	return kinds
}

// settle gives a layer the defaults of its missing keys.
func (l *Layer) settle() {
	switch {
	case l.Kind == Conv:
		if l.Pad == noPad {
			l.Pad = (l.R - 1) / 2
		}
		if l.Stride == noStride {
			l.Stride = 1
		}
	case l.windowed():
		*l = Layer{Kind: l.Kind, R: l.R, S: l.S, Stride: l.Stride, TakesStride: l.TakesStride, Pad: max(l.Pad, 0)}
		if l.Stride == noStride {
			l.Stride = l.R
		}
	default:
		*l = Layer{Kind: l.Kind, Rate: l.Rate}
	}
}

// outside checks a conv or pool that is in no block.
func (c *checker) outside(at string, l Layer) {
	if l.Kind == Conv && l.Out == 0 {
		c.fail(at, `a conv with its output channels: { conv = "3x3", out = 16 }`, c.nodes[at].have(), "")
	}
	for _, u := range []struct {
		name string
		unit Unit
	}{{"out", l.OutUnit}, {"groups", l.GroupsUnit}} {
		if u.unit.ofWidth() {
			c.fail(at+"."+u.name, `a number or a part of the input such as "in/2": only a block has a stage's width`, c.nodes[at+"."+u.name].have(), "")
		}
	}
	if l.TakesStride {
		c.fail(at+".stride", "an integer: only a block has a stage's stride to take", "true", "")
	}
}

// layerWord reads "bn", "conv3x3" and the like.
func (c *checker) layerWord(k key, w string, n *node, at string, l *Layer) {
	if i := slices.Index(layerWords, w); i > int(Conv) && w != "dropout" && slices.Contains(k.words, w) {
		l.Kind = LayerKind(i)
		return
	}
	var near []string
	for _, word := range k.words {
		kind, windowed := strings.CutSuffix(word, "RxS")
		if size, is := strings.CutPrefix(w, kind); windowed && is && parseKernel(size, l) {
			l.Kind = LayerKind(slices.Index(layerWords, kind))
			return
		}
		if word == "dropout" {
			continue
		}
		if near = append(near, word); windowed {
			near[len(near)-1] = kind + "3x3"
			near = append(near, kind+"1x1", kind+"2x2")
		}
	}
	c.fail(at, orList(layerForms(k.words)), n.have(), didYouMean(w, near))
}

// wordOrLayers reads the skip: a word, or layers.
func (c *checker) wordOrLayers(k key, n *node, path string, to *Net) {
	if list, is := n.value.([]*node); is && len(list) > 0 {
		to.Skip = SkipList
		k.words = k.items
		c.layers(k, n, path, &to.SkipLayers)
		return
	}
	if ok, hint := setWord(k.words, n, &to.Skip); !ok {
		c.fail(path, k.want(), n.have(), hint)
	}
}

// strided says whether one layer of the list takes the stage's stride.
func (k key) strided() bool { return k.name == "branch" || k.name == "skip" || k.name == "transition" }

// takeStride gives the stage's stride to one conv or pool of a list: the one that says so, else the
// first that says no number.
func (c *checker) takeStride(path string, ls []Layer) {
	taker := -1
	for i, l := range ls {
		if !l.TakesStride {
			continue
		}
		if taker >= 0 {
			c.fail(fmt.Sprintf("%s[%d].stride", path, i+1), "one conv or pool that takes the stage's stride", fmt.Sprintf("a second one, after %s[%d]", path, taker+1), "")
			continue
		}
		taker = i
	}
	if taker < 0 {
		taker = slices.IndexFunc(ls, func(l Layer) bool { return l.windowed() && l.Stride == noStride })
	}
	if taker >= 0 {
		ls[taker].TakesStride, ls[taker].Stride = true, 1
	}
}

func parseKernel(s string, l *Layer) bool {
	m := kernelForm.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	l.R, _ = strconv.Atoi(m[1])
	l.S, _ = strconv.Atoi(m[2])
	return l.R <= maxKernel && l.S <= maxKernel
}

func setKernel(n *node, l *Layer) bool {
	s, ok := n.value.(string)
	return ok && parseKernel(s, l)
}

func setStride(k key, n *node, l *Layer) bool {
	switch v := n.value.(type) {
	case bool:
		l.TakesStride = v
		return v
	case int64:
		l.Stride = int(v)
		return k.allows(float64(v))
	}
	return false
}
