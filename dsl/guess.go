package dsl

import (
	"fmt"
	"strings"
)

// guessKey guesses the key that name was meant to be: first among the missing keys of this table,
// then among its other keys, then in other tables.
func (c *checker) guessKey(keys []key, t table, path, name string) (guess, hint string) {
	for _, full := range append(allKeys(c.keys, ""), listedKeys(c.keys, "")...) {
		if full[strings.LastIndexByte(full, '.')+1:] == name && parentKey(full) != path {
			c.misplaced[full] = true
			return "", c.placeHint(full, path, t[name])
		}
	}
	var missing []string
	for _, k := range keys {
		if t[k.name] == nil {
			missing = append(missing, k.name)
		}
	}
	if guess = nearest(name, missing); guess == "" {
		guess = nearest(name, names(keys))
	}
	return guess, meantHint(guess)
}

// placeHint says where the key full belongs, which stands with the value n in the table at path.
func (c *checker) placeHint(full, path string, n *node) string {
	above, name := parentKey(full), full[strings.LastIndexByte(full, '.')+1:]
	if list, is := strings.CutSuffix(above, "[]"); is {
		return fmt.Sprintf("%s belongs in a table of [[%s]]", name, list)
	}
	if above != "" || path == "" {
		return meantHint(full)
	}
	for _, k := range c.keys {
		if _, is := n.value.(table); is && k.name == name && k.kind == subtable {
			return "write [" + name + "]"
		}
	}
	return name + " belongs above the first table of the file"
}

// allKeys lists the full keys outside of lists.
func allKeys(keys []key, path string) []string {
	var all []string
	for _, k := range keys {
		all = append(all, join(path, k.name))
		if k.kind == subtable {
			all = append(all, allKeys(k.keys, join(path, k.name))...)
		}
	}
	return all
}

// listedKeys lists the keys of the tables in lists: "net.stage[].width".
func listedKeys(keys []key, path string) []string {
	var all []string
	for _, k := range keys {
		at := join(path, k.name)
		if k.kind == subtable {
			all = append(all, listedKeys(k.keys, at)...)
		}
		for _, sub := range k.keys {
			if k.kind == subtables {
				all = append(all, at+"[]."+sub.name)
			}
		}
	}
	return all
}
