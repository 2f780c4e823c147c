package data

import (
	"fmt"
	"strings"

	"shake/internal/engine"
)

// without are the classes that no image has.
func without(im *engine.Images) (classes []int) {
	seen := make([]bool, im.Classes)
	for _, l := range im.Labels[:im.N] {
		seen[l] = true
	}
	for class, is := range seen {
		if !is {
			classes = append(classes, class)
		}
	}
	return classes
}

// few names the first classes of a list.
func few(classes []int, names []string) string {
	const most = 10
	ts := make([]string, min(len(classes), most))
	for i := range ts {
		ts[i] = className(names, uint16(classes[i]))
	}
	text := strings.Join(ts, ", ")
	if more := len(classes) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// lacks notes that a key leaves classes without an image to train on.
func (s *Sets) lacks(key, remedy string) {
	classes := without(s.Train)
	if len(classes) == 0 {
		return
	}
	what := "class"
	if len(classes) > 1 {
		what = "classes"
	}
	s.Notices = append(s.Notices, fmt.Sprintf("%s leaves no training image of %s %s%s", key, what, few(classes, s.Names), remedy))
}
