package dsl

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// checker holds a tree against a table of keys and fills a struct with it.
type checker struct {
	keys  []key // the whole language, for guesses
	errs  Errors
	nodes map[string]*node // by full key: where later checks report
	bad   map[string]bool  // full keys of the values that are wrong, and of all that hold them
	image shape            // of the network's input
	// Full keys that were found in another table
	misplaced map[string]bool
}

func newChecker(keys []key) *checker {
	return &checker{keys: keys, nodes: map[string]*node{}, bad: map[string]bool{}, misplaced: map[string]bool{}}
}

// fail reports a mistake in the value at path. The value exists.
func (c *checker) fail(path, want, have, hint string) {
	c.failAt(c.nodes[path].at, path, want, have, hint)
}

func (c *checker) failAt(p place, path, want, have, hint string) {
	c.errs = append(c.errs, Error{File: p.file, Line: p.line, Col: p.col, Key: path, Want: want, Have: have, Hint: hint})
	c.spoil(path)
}

// spoil marks a value, and all that hold it, as wrong: no later check looks at them.
func (c *checker) spoil(path string) {
	for ; path != ""; path = parentKey(path) {
		c.bad[path] = true
	}
}

// ok reports whether all of the paths have values, and nothing wrong was found at any of them or
// below.
func (c *checker) ok(paths ...string) bool {
	for _, p := range paths {
		if c.bad[p] || c.nodes[p] == nil {
			return false
		}
	}
	return true
}

// parentKey returns the key of the table or list that holds path: "net.stage[2].width" ->
// "net.stage[2]" -> "net.stage" -> "net" -> "".
func parentKey(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// table checks the table n at path against keys and fills the struct that p points to.
func (c *checker) table(keys []key, n *node, path string, p any) {
	c.nodes[path] = n
	t, ok := n.value.(table)
	if !ok {
		c.fail(path, "a table", n.have(), "")
		return
	}
	meant := map[string]bool{} // keys that are missing only because they are misspelt
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if child := t[name]; !has(keys, name) {
			guess, hint := c.guessKey(keys, t, path, name)
			meant[guess] = true
			c.failAt(child.keyAt, join(path, showKey(name)), "one of "+strings.Join(names(keys), ", "), quoteShort(name), hint)
		}
	}
	for _, k := range keys {
		child, at := t[k.name], join(path, k.name)
		switch {
		case k.kind == subtable && (meant[k.name] || c.misplaced[at]):
			c.bad[at] = true // the misspelt or misplaced one has the keys that would be missed
		case child != nil:
			c.nodes[at] = child
			c.value(k, child, at, p)
		case k.kind == subtable:
			c.table(k.keys, &node{value: table{}, at: n.at, keyAt: n.keyAt}, at, p)
		case k.required() && (meant[k.name] || c.misplaced[at]):
			c.spoil(at) // reported where the misspelt or misplaced one stands
		case k.required():
			c.failAt(n.at, at, k.want(), "nothing", "")
		case k.def != "":
			def := mustDecode(k.def)
			def.at, def.keyAt = n.at, n.keyAt
			c.nodes[at] = def
			c.value(k, def, at, p)
		}
	}
}

// mustDecode reads a default of the language.
func mustDecode(text string) *node {
	n, err := decode("", "v = "+text)
	if err != nil {
		panic(err)
	}
	return n.value.(table)["v"]
}

// value checks n against k and stores it.
func (c *checker) value(k key, n *node, path string, p any) {
	if _, is := n.value.(table); k.kind == subtable && !is && k.words != nil {
		name, _ := n.value.(string)
		c.fail(path, k.want(), n.have(), didYouMean(name, k.words))
		return
	}
	if k.kind == subtable {
		c.table(k.keys, n, path, p)
		return
	}
	var f any
	if k.field != nil {
		f = k.field(p)
	}
	ok := true
	hint := ""
	switch k.kind {
	case integer:
		v, is := n.value.(int64)
		if ok = is && k.allows(float64(v)); ok {
			setInt(f, v)
		}
	case number:
		var v float64
		if v, ok = asNumber(n); ok {
			ok = k.allows(v)
			*f.(*float64) = v
		}
	case boolean:
		*f.(*bool), ok = n.value.(bool)
	case word:
		ok, hint = setWord(k.words, n, f)
	case text:
		var s string
		if s, ok = n.value.(string); ok && f != nil {
			*f.(*string) = s
		}
	case numbers:
		ok = setNumbers(k, n, f)
	case anyNumbers:
		ok = setAnyNumbers(k, n, f.(*[]float64))
	case texts:
		ok = setTexts(n, f.(*[]string))
	case integers:
		ok = setIntegers(k, n, f.(*[]uint64))
	case sized:
		ok = setSize(k, n, *f.(*size))
	case kernel:
		ok = setKernel(n, f.(*Layer))
	case stride:
		ok = setStride(k, n, f.(*Layer))
	case layers:
		c.layers(k, n, path, f.(*[]Layer))
		return
	case wordOrLayers:
		c.wordOrLayers(k, n, path, f.(*Net))
		return
	case rising:
		ok = setRising(k, n, f.(*Stage))
	case subtables:
		c.tables(k, n, path, f)
		return
	}
	if !ok {
		c.fail(path, k.want(), n.have(), hint)
	}
}

// tables checks a list of tables.
func (c *checker) tables(k key, n *node, path string, f any) {
	list, ok := n.value.([]*node)
	if !ok || len(list) < k.least {
		hint := ""
		if _, is := n.value.(table); is {
			hint = "write [[" + path + "]]"
		}
		c.fail(path, k.want(), n.have(), hint)
		return
	}
	for i, item := range list {
		at := fmt.Sprintf("%s[%d]", path, i+1)
		switch f := f.(type) {
		case *[]Stage:
			*f = append(*f, Stage{})
			c.table(k.keys, item, at, &(*f)[i])
			if (*f)[i].Stride == 0 {
				(*f)[i].Stride = min(i+1, 2)
			}
			if key := join(at, "stride"); c.nodes[key] == nil {
				c.nodes[key] = item // the place of a stride that is not written
			}
		case *[]Phase:
			*f = append(*f, Phase{})
			c.table(k.keys, item, at, &(*f)[i])
		case *[]Row:
			*f = append(*f, Row{})
			c.table(k.keys, item, at, &(*f)[i])
		case *[]Cited:
			*f = append(*f, Cited{})
			c.table(k.keys, item, at, &(*f)[i])
		}
	}
}

func has(keys []key, name string) bool {
	for _, k := range keys {
		if k.name == name {
			return true
		}
	}
	return false
}

// showKey quotes a name that is no bare key of TOML, and cuts a long one.
func showKey(name string) string {
	for i := range len(name) {
		if !isBare(name[i]) {
			return quoteShort(name)
		}
	}
	if name == "" || len(name) > 40 {
		return quoteShort(name)
	}
	return name
}

func quoteShort(s string) string { return strconv.Quote(short(s, 40)) }

// plain prints a bound without an exponent.
func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
