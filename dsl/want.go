package dsl

import (
	"fmt"
	"math"
	"strings"
)

// want says in words which values k may have.
func (k key) want() string {
	switch k.kind {
	case integer:
		return k.bounds("an integer")
	case number:
		return k.bounds("a number")
	case boolean:
		return "true or false"
	case word:
		return orList(quoteAll(k.words))
	case text:
		return "a text in quotes"
	case numbers:
		or := ""
		if k.length() == 3 {
			or = ", or of 1"
		}
		return fmt.Sprintf("a list of %d numbers%s, each %s", k.length(), or, k.bounds(""))
	case anyNumbers:
		return "a list of numbers, each " + k.bounds("")
	case texts:
		return "a list of texts in quotes"
	case integers:
		return fmt.Sprintf("a list of at least %s, each %s", count(k.least, "integer"), strings.TrimSpace(k.bounds("")))
	case sized:
		return k.bounds("an integer") + `, or "4w", "w/4", "in" or "in/2"`
	case kernel:
		return `a kernel such as "3x3", each side from 1 to 32`
	case stride:
		return "true or " + k.bounds("an integer")
	case layers:
		return "a list of layers (" + strings.Join(layerForms(k.words), ", ") + ")"
	case wordOrLayers:
		return strings.Join(quoteAll(k.words), ", ") + " or a list of layers"
	case rising:
		return k.bounds("an integer") + ", or a list of two, the smaller first"
	case subtables:
		return "a list of tables with " + strings.Join(names(k.keys), ", ")
	}
	if k.words != nil {
		return `a table, or a name such as "S-S-I"`
	}
	return "a table"
}

// bounds says "an integer from 1 to 9", "a number above 0, at most 1", "1 or 2".
func (k key) bounds(noun string) string {
	if k.kind == integer && k.max == k.min+1 {
		return fmt.Sprintf("%v or %v", k.min, k.max)
	}
	if math.IsInf(k.max, 1) {
		return fmt.Sprintf("%s of at least %v", noun, k.min)
	}
	low, high := "from "+plain(k.min), " to "+plain(k.max)
	if k.above {
		low, high = "above "+plain(k.min), ", at most "+plain(k.max)
	}
	if k.below {
		high = ", below " + plain(k.max)
	}
	return strings.TrimSpace(noun + " " + low + high)
}

// allows reports whether v is within the bounds. It is false for a NaN.
func (k key) allows(v float64) bool {
	return v >= k.min && v <= k.max && !math.IsInf(v, 0) && !(k.above && v == k.min) && !(k.below && v == k.max)
}

// length is the number of items of a list of numbers.
func (k key) length() int {
	switch k.field(&Spec{}).(type) {
	case *[2]float64:
		return 2
	default:
		return 3
	}
}

// layerForms lists the words of a list of layers as a person writes them.
func layerForms(words []string) []string {
	var fs []string
	for _, w := range words {
		if w == "dropout" {
			fs = append(fs, "{ dropout = P }")
			continue
		}
		fs = append(fs, `"`+w+`"`)
		if w == "convRxS" {
			fs = append(fs, `{ conv = "RxS", ... }`)
		}
	}
	return fs
}

func orList(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func quoteAll(words []string) []string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = `"` + w + `"`
	}
	return q
}
