package dsl

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// override is one key=value of the command line.
type override struct {
	source string // "-o train.lr=0.1", reported as the file
	steps  []step
	value  *node
}

// step is one name or one index (from 1) on the way to a key.
type step struct {
	name  string
	index int // 0: a name
}

var (
	stepForm = regexp.MustCompile(`^([A-Za-z0-9_-]+)((?:\[[0-9]{1,9}\])*)$`)
	bareWord = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)
)

// overrideSource stands in errors instead of a file.
func overrideSource(s string) string { return overridePrefix + short(oneLine(s), 60) }

// overridePrefix marks an override in errors, where a file would stand.
const overridePrefix = "-o "

// parseOverride reads "train.lr=0.1". The value is TOML; one that is not, but is a single word, is
// a text: shake.forward=even.
func parseOverride(s string) (override, Errors) {
	o := override{source: overrideSource(s)}
	fail := func(key, want, have, hint string) (override, Errors) {
		return o, Errors{{File: o.source, Key: key, Want: want, Have: have, Hint: hint}}
	}
	k, v, found := strings.Cut(s, "=")
	k, v = strings.TrimSpace(k), strings.TrimSpace(v)
	if !found || k == "" {
		return fail("", "key=value", quoteShort(s), "such as train.lr=0.1")
	}
	for _, p := range strings.Split(k, ".") {
		m := stepForm.FindStringSubmatch(p)
		if m == nil {
			return fail("", "a key such as train.lr or net.stage[1].width", quoteShort(k), "")
		}
		o.steps = append(o.steps, step{name: m[1]})
		for _, ix := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '[' || r == ']' }) {
			n, _ := strconv.Atoi(ix)
			if n == 0 {
				return fail(k, "an index from 1 on", "0", "items count from 1")
			}
			o.steps = append(o.steps, step{index: n})
		}
	}
	if o.steps[0].name == "extends" {
		return fail(k, "a key other than extends, which only a file may have", quoteShort(s), "")
	}
	t, err := decode(o.source, "v = "+v)
	if err == nil {
		o.value = t.value.(table)["v"]
		if len(t.value.(table)) != 1 {
			return fail(k, "one value", quoteShort(v), "")
		}
	} else if strings.Contains(err[0].Have, "out of range") {
		return fail(k, "a number that fits", quoteShort(v), err[0].Hint)
	} else if bareWord.MatchString(v) {
		o.value = &node{value: v, raw: strconv.Quote(v)}
	} else {
		return fail(k, "a TOML value or a word", quoteShort(v), err[0].Hint)
	}
	if k == "shake" {
		o.value = expandShake(o.value)
	}
	o.value.moveTo(place{file: o.source})
	return o, nil
}

// moveTo says that n and all in it stand at p.
func (n *node) moveTo(p place) {
	n.at, n.keyAt = p, p
	switch v := n.value.(type) {
	case table:
		for _, e := range v {
			e.moveTo(p)
		}
	case []*node:
		for _, e := range v {
			e.moveTo(p)
		}
	}
}

// apply returns root with the override laid over it. It does not change root.
func (o override) apply(root *node) (*node, Errors) { return o.set(root, o.steps, "") }

func (o override) set(n *node, steps []step, path string) (*node, Errors) {
	if len(steps) == 0 {
		return merge(n, o.value), nil
	}
	s := steps[0]
	fail := func(want, have string) (*node, Errors) {
		return nil, Errors{{File: o.source, Key: path, Want: want, Have: have}}
	}
	if s.index == 0 {
		t, ok := n.value.(table)
		if !ok {
			return fail("a table to set "+s.name+" in", n.have())
		}
		child := t[s.name]
		if child == nil && len(steps) == 1 {
			child = o.value
		} else if child == nil {
			child = &node{value: table{}, at: o.value.at, keyAt: o.value.at}
			if steps[1].index > 0 {
				child.value = []*node{}
			}
		}
		child, err := o.set(child, steps[1:], join(path, s.name))
		if err != nil {
			return nil, err
		}
		over := &node{value: table{s.name: child}, at: n.at, keyAt: n.keyAt, raw: n.raw}
		merged := merge(n, over)
		merged.value.(table)[s.name] = child
		return merged, nil
	}
	list, ok := n.value.([]*node)
	if !ok {
		return fail("a list to take an item of", n.have())
	}
	if s.index > len(list) {
		return fail(fmt.Sprintf("an index up to %d", len(list)), fmt.Sprint(s.index))
	}
	item, err := o.set(list[s.index-1], steps[1:], fmt.Sprintf("%s[%d]", path, s.index))
	if err != nil {
		return nil, err
	}
	changed := append([]*node(nil), list...)
	changed[s.index-1] = item
	return &node{value: changed, at: n.at, keyAt: n.keyAt, raw: n.raw}, nil
}
