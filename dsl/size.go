package dsl

import (
	"fmt"
	"regexp"
	"strconv"
)

// Unit says what the size of a layer, a number n of channels or groups, counts.
type Unit int

// The units: n itself, multiples and parts of the stage's width w, and of the layer's input.
const (
	Plain      Unit = iota // 64: n
	Widths                 // "4w": n times w
	WidthParts             // "w/4": w over n, without remainder
	Inputs                 // "in", "2in": n times the channels of the input
	InputParts             // "in/2": these over n, without remainder
)

// maxChannels is the most channels of a map.
const maxChannels = 8192

// Channels is the number of output channels of a conv in a stage of the given width that reads in
// channels. It is exact for a Spec that passed its checks.
func (l Layer) Channels(width, in int) int {
	if l.Out == 0 {
		return width
	}
	n, _ := l.OutUnit.times(l.Out, width, in)
	return n
}

// GroupCount is the number of groups of a conv, as Channels is that of its outputs.
func (l Layer) GroupCount(width, in int) int {
	n, _ := l.GroupsUnit.times(l.Groups, width, in)
	return n
}

// times is n units; exact is false if a part leaves a remainder.
func (u Unit) times(n, width, in int) (size int, exact bool) {
	switch u {
	case Widths:
		return n * width, true
	case Inputs:
		return n * in, true
	case WidthParts:
		return width / n, width%n == 0
	case InputParts:
		return in / n, in%n == 0
	}
	return n, true
}

// ofWidth says whether the unit needs a stage's width.
func (u Unit) ofWidth() bool { return u == Widths || u == WidthParts }

// sizePattern is a size that is no integer.
const sizePattern = `^(([1-9][0-9]{0,3})?(w|in)|(w|in)/([1-9][0-9]{0,3}))$`

var sizeForm = regexp.MustCompile(sizePattern)

// size is the pair of fields that a size is read into.
type size struct {
	n    *int
	unit *Unit
}

func setSize(k key, n *node, to size) bool {
	switch v := n.value.(type) {
	case int64:
		*to.n, *to.unit = int(v), Plain
		return k.allows(float64(v))
	case string:
		m := sizeForm.FindStringSubmatch(v)
		if m == nil {
			return false
		}
		*to.n, *to.unit = 1, Widths
		if m[3]+m[4] == "in" {
			*to.unit = Inputs
		}
		if m[4] != "" {
			*to.unit++
		}
		if digits := m[2] + m[5]; digits != "" {
			*to.n, _ = strconv.Atoi(digits)
		}
		return true
	}
	return false
}

// sizeText writes a size as TOML.
func sizeText(n int, u Unit) string {
	times := ""
	if n != 1 {
		times = strconv.Itoa(n)
	}
	switch u {
	case Widths:
		return strconv.Quote(times + "w")
	case Inputs:
		return strconv.Quote(times + "in")
	case WidthParts:
		return fmt.Sprintf(`"w/%d"`, n)
	case InputParts:
		return fmt.Sprintf(`"in/%d"`, n)
	}
	return strconv.Itoa(n)
}

// resolve returns the number that a size of the layer at path comes to, and reports a part that
// leaves a remainder or more channels than there may be.
func (c *checker) resolve(path string, n int, u Unit, width, in int, where string) (int, bool) {
	v, exact := u.times(n, width, in)
	whole := fmt.Sprintf("%d input channels", in)
	if u.ofWidth() {
		whole = fmt.Sprintf("the stage's width %d", width)
	}
	if !exact {
		c.fail(path, "a part without remainder of "+whole+where, sizeText(n, u), "")
		return 1, false
	}
	if v > maxChannels {
		c.fail(path, fmt.Sprintf("at most %d of %s%s", maxChannels, whole, where), fmt.Sprintf("%s, which is %d", sizeText(n, u), v), "")
		return 1, false
	}
	return v, true
}
