package dsl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TOML writes the network as one file that extends nothing and leaves no value to a default, but
// for one that follows another key's. Parsing it gives an equal Spec. (Seeds above 2^63-1, which no
// file can say, do not come back.)
func (s *Spec) TOML() []byte {
	var b strings.Builder
	for _, k := range language {
		switch {
		case k.kind == subtable:
			fmt.Fprintf(&b, "\n[%s]\n", k.name)
			for _, sub := range k.keys {
				if sub.follows != nil && sub.follows(s) {
					continue
				}
				fmt.Fprintf(&b, "%s = %s\n", sub.name, sub.text(s))
			}
		case k.field != nil:
			fmt.Fprintf(&b, "%s = %s\n", k.name, k.text(s))
		}
	}
	return []byte(b.String())
}

// text returns the TOML of k's value in the struct that p points to.
func (k key) text(p any) string {
	switch f := k.field(p).(type) {
	case *int:
		return strconv.Itoa(*f)
	case *uint64:
		return strconv.FormatUint(*f, 10)
	case *float64:
		return floatText(*f)
	case *bool:
		return strconv.FormatBool(*f)
	case *string:
		return strconv.Quote(*f)
	case fmt.Stringer:
		return strconv.Quote(f.String())
	case *[2]float64:
		return floatsText(f[:])
	case *[3]float64:
		return floatsText(f[:])
	case *[]float64:
		return floatsText(*f)
	case *[]Layer:
		return layersText(*f, k.strided())
	case *Net:
		if f.Skip == SkipList {
			return layersText(f.SkipLayers, true)
		}
		return strconv.Quote(f.Skip.String())
	case *Stage:
		if f.Last != 0 {
			return fmt.Sprintf("[%d, %d]", f.Width, f.Last)
		}
		return strconv.Itoa(f.Width)
	case *[]Stage:
		return tablesText(k.keys, *f)
	case *[]Phase:
		return tablesText(k.keys, *f)
	}
	panic("dsl: no text for " + k.name)
}

func floatText(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func floatsText(vs []float64) string {
	ts := make([]string, len(vs))
	for i, v := range vs {
		ts[i] = floatText(v)
	}
	return "[" + strings.Join(ts, ", ") + "]"
}

// tablesText writes a list of tables, one a line.
func tablesText[T any](keys []key, items []T) string {
	if len(items) == 0 {
		return "[]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for i := range items {
		pairs := make([]string, len(keys))
		for j, k := range keys {
			pairs[j] = k.name + " = " + k.text(&items[i])
		}
		fmt.Fprintf(&b, "  { %s },\n", strings.Join(pairs, ", "))
	}
	b.WriteString("]")
	return b.String()
}

// layersText writes layers as words where these say it all. A conv or pool of a block without a
// stride may be taken for the one that takes the stage's, so strides are left out only if that is
// right.
func layersText(ls []Layer, inBlock bool) string {
	first := slices.IndexFunc(ls, Layer.windowed)
	taker := slices.IndexFunc(ls, func(l Layer) bool { return l.TakesStride })
	ts := make([]string, len(ls))
	for i, l := range ls {
		word := l.Kind.String()
		var pairs []string
		switch {
		case l.Kind == Dropout:
			ts[i] = fmt.Sprintf("{ dropout = %s }", floatText(l.Rate))
			continue
		case !l.windowed():
			ts[i] = strconv.Quote(word)
			continue
		case l.Kind == Conv:
			pairs = channelsText(l)
		}
		stride, pad := l.R, 0
		if l.Kind == Conv {
			stride, pad = 1, (l.R-1)/2
		}
		switch {
		case l.TakesStride && (i != first || !inBlock):
			// Outside a block it is a mistake, which a reader is to see.
			pairs = append(pairs, "stride = true")
		case !l.TakesStride && (l.Stride != stride || inBlock && taker < 0):
			pairs = append(pairs, fmt.Sprintf("stride = %d", l.Stride))
		}
		if l.Pad != pad {
			pairs = append(pairs, fmt.Sprintf("pad = %d", l.Pad))
		}
		if len(pairs) == 0 {
			ts[i] = fmt.Sprintf(`"%s%dx%d"`, word, l.R, l.S)
			continue
		}
		ts[i] = fmt.Sprintf(`{ %s = "%dx%d", %s }`, word, l.R, l.S, strings.Join(pairs, ", "))
	}
	return "[" + strings.Join(ts, ", ") + "]"
}

// channelsText writes the sizes of a conv that are not the usual ones.
func channelsText(l Layer) (pairs []string) {
	if l.Out != 0 {
		pairs = append(pairs, "out = "+sizeText(l.Out, l.OutUnit))
	}
	if l.Groups != 1 || l.GroupsUnit != Plain {
		pairs = append(pairs, "groups = "+sizeText(l.Groups, l.GroupsUnit))
	}
	return pairs
}
