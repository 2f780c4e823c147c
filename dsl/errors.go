package dsl

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Error is one mistake: its place, the value wanted and the value found.
type Error struct {
	File      string // path as given, "builtin:NAME.toml", or "-o key=value" for an override
	Line, Col int    // from 1, Col in characters; both 0 for an override and an unreadable file
	Key       string // "net.stage[2].stride"; items of lists count from 1
	Want      string // "1 or 2"; empty if Have is the whole message (a syntax error)
	Have      string // "3"
	Hint      string // remedy: `did you mean "backward"?`; may be empty
}

// Error returns "file:line:col: key: want this, have that (hint)" on one line.
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Col)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": ")
	if e.Want != "" {
		b.WriteString("want " + e.Want + ", have ")
	}
	b.WriteString(e.Have)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errors is every mistake of a network: of the file itself, then of the files it extends, then of
// the overrides.
type Errors []Error

// Error returns one line for each mistake.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// inOrder sorts the errors by file (in the order of files), line and column, and drops repetitions.
func (es Errors) inOrder(files []string) Errors {
	slices.SortStableFunc(es, func(a, b Error) int {
		if a.File != b.File {
			return slices.Index(files, a.File) - slices.Index(files, b.File)
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	return slices.Compact(es)
}

// NotFoundError says that a name is neither a file nor a built-in network or sweep. It matches
// fs.ErrNotExist.
type NotFoundError struct {
	Name  string   // as asked for
	Names []string // the built-in networks, or sweeps
	Sweep bool     // a sweep was asked for
}

func (e *NotFoundError) Error() string {
	what := "network"
	if e.Sweep {
		what = "sweep"
	}
	s := fmt.Sprintf("%s: want a file or a built-in %s (%s)", e.Name, what, strings.Join(e.Names, ", "))
	return s + parens(didYouMean(strings.TrimSuffix(e.Name, ".toml"), e.Names))
}

// Is reports whether target is fs.ErrNotExist.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

func parens(hint string) string {
	if hint == "" {
		return ""
	}
	return " (" + hint + ")"
}

// didYouMean returns `did you mean "x"?` for the word nearest to have, or "" if none is near.
func didYouMean(have string, words []string) string { return meantHint(nearest(have, words)) }

func meantHint(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", word)
}

// nearest returns the word nearest to have, the first of several, or "" if none is near.
func nearest(have string, words []string) string {
	best, at := 2+len(have)/3, "" // one letter may be wrong, and a third of them
	for _, w := range words {
		if d := distance(have, w); d < best && d < max(len(have), len(w)) {
			best, at = d, w
		}
	}
	return at
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour to get
// from a to b, capital letters counting as small ones.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	var prev2 []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev = prev, row
	}
	return prev[len(b)]
}
