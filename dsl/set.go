package dsl

import "slices"

// The set functions store the value of a node in the field of a struct. They return false for a
// value of another kind, or one out of the key's bounds.

func setInt(f any, v int64) {
	switch f := f.(type) {
	case *int:
		*f = int(v)
	case *uint64:
		*f = uint64(v)
	}
}

func setWord(words []string, n *node, f any) (ok bool, hint string) {
	s, ok := n.value.(string)
	if !ok {
		return false, ""
	}
	i := 0
	for i < len(words) && words[i] != s {
		i++
	}
	if i == len(words) {
		return false, didYouMean(s, words)
	}
	switch f := f.(type) {
	case *string:
		*f = s
	case *SkipKind:
		*f = SkipKind(i)
	case *Mode:
		*f = Mode(slices.Index(modeWords, s))
	case *Level:
		*f = Level(i)
	}
	return true, ""
}

func setNumbers(k key, n *node, f any) bool {
	var to []float64
	switch f := f.(type) {
	case *[2]float64:
		to = f[:]
	case *[3]float64:
		to = f[:]
	}
	list, ok := n.value.([]*node)
	one := ok && len(list) == 1 && len(to) == 3 // for all channels
	if !ok || len(list) != len(to) && !one {
		return false
	}
	for i := range to {
		item := list[min(i, len(list)-1)]
		v, ok := asNumber(item)
		if !ok || !k.allows(v) {
			return false
		}
		to[i] = v
	}
	return true
}

func setAnyNumbers(k key, n *node, to *[]float64) bool {
	list, ok := n.value.([]*node)
	for _, item := range list {
		v, is := asNumber(item)
		ok = ok && is && k.allows(v)
		*to = append(*to, v)
	}
	return ok
}

func setTexts(n *node, to *[]string) bool {
	list, ok := n.value.([]*node)
	for _, item := range list {
		s, is := item.value.(string)
		ok = ok && is
		*to = append(*to, s)
	}
	return ok
}

func setIntegers(k key, n *node, to *[]uint64) bool {
	list, ok := n.value.([]*node)
	for _, item := range list {
		v, is := item.value.(int64)
		ok = ok && is && k.allows(float64(v))
		*to = append(*to, uint64(v))
	}
	return ok && len(list) >= k.least
}

func setRising(k key, n *node, to *Stage) bool {
	whole := func(n *node, to *int) bool {
		v, is := n.value.(int64)
		*to = int(v)
		return is && k.allows(float64(v))
	}
	if list, is := n.value.([]*node); is {
		return len(list) == 2 && whole(list[0], &to.Width) && whole(list[1], &to.Last) && to.Width < to.Last
	}
	return whole(n, &to.Width)
}

func asNumber(n *node) (float64, bool) {
	switch v := n.value.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
