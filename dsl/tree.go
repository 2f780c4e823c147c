package dsl

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// maxText and maxLine are the longest text and line that are read, in bytes, and maxDepth the most
// lists and tables, or parts of a key, within each other. A network needs two thousand, two hundred
// and four. The limits keep a foreign file from costing the TOML library a time that is cubic in
// its size.
const (
	maxText  = 1 << 16
	maxLine  = 1 << 12
	maxDepth = 32
)

// place is where something stands. An override has no line.
type place struct {
	file      string
	line, col int
}

// node is a value of a text with its place. Values are string, int64, float64, bool, time.Time,
// []*node or table.
type node struct {
	value any
	at    place // of the value
	keyAt place // of its key
	raw   string
}

type table map[string]*node

// decode reads a TOML text into a table node. A text that is not TOML gives one error, at the first
// fault.
func decode(file, text string) (*node, Errors) {
	text = strings.TrimPrefix(text, "\ufeff")
	d := document{file: file, text: text}
	if len(text) > maxText {
		return nil, Errors{{File: file, Want: fmt.Sprintf("at most %d bytes", maxText), Have: fmt.Sprint(len(text))}}
	}
	d.lines = []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	for i, start := range d.lines {
		end := len(text)
		if i+1 < len(d.lines) {
			end = d.lines[i+1]
		}
		if end-start > maxLine {
			return nil, Errors{{File: file, Line: i + 1, Col: 1, Want: fmt.Sprintf("a line of at most %d bytes", maxLine), Have: fmt.Sprint(end - start)}}
		}
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError || r == 0 }); i >= 0 {
		p := d.place(i)
		return nil, Errors{{File: file, Line: p.line, Col: p.col, Want: "UTF-8 text", Have: fmt.Sprintf("byte %#02x", text[i])}}
	}
	marks, deep := scan(text)
	if deep >= 0 {
		p := d.place(deep)
		return nil, Errors{{File: file, Line: p.line, Col: p.col, Want: fmt.Sprintf("at most %d lists and tables within each other", maxDepth), Have: "more"}}
	}
	values := map[string]any{}
	if err := decodeTOML(text, &values); err != nil {
		return nil, d.syntaxError(err)
	}
	return d.node(values, marks, place{file, 1, 1}), nil
}

// decodeTOML keeps a panic of the TOML library, which it has for states it thinks impossible, from
// ending the program.
func decodeTOML(text string, values *map[string]any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not TOML: %v", r)
		}
	}()
	_, err = toml.Decode(text, values)
	return err
}

// document turns the offsets of a text into places.
type document struct {
	file, text string
	lines      []int // offset of each line
}

func (d *document) place(offset int) place {
	line := sort.SearchInts(d.lines, offset+1)
	return place{d.file, line, 1 + utf8.RuneCountInString(d.text[d.lines[line-1]:offset])}
}

// headerFault matches the library's messages of a table's header, headerName the header.
var (
	headerFault = regexp.MustCompile(`table (array )?name|^Key '`)
	headerName  = regexp.MustCompile(`^\[+\s*([A-Za-z0-9_.-]*)`)
)

func (d *document) syntaxError(err error) Errors {
	e := Error{File: d.file, Line: 1, Col: 1, Have: strings.TrimSpace(err.Error())}
	var pe toml.ParseError
	if errors.As(err, &pe) {
		at := max(0, min(pe.Position.Start, len(d.text)))
		p := d.place(at)
		e.Line, e.Col, e.Key, e.Have, e.Hint = p.line, p.col, pe.LastKey, pe.Message, oneLine(d.remedy(pe.Message, at))
		if strings.HasPrefix(d.text[d.lines[p.line-1]:at], "[") && headerFault.MatchString(pe.Message) {
			// The library has the table before.
			e.Key = headerName.FindStringSubmatch(d.text[d.lines[p.line-1]:at])[1]
		}
	}
	e.Key, e.Have = oneLine(e.Key), oneLine(e.Have)
	return Errors{e}
}

// node joins a decoded value and its mark. A value without a mark stands where its table stands.
func (d *document) node(v any, m *mark, above place) *node {
	n := &node{at: above, keyAt: above}
	if m == nil {
		m = &mark{}
	} else {
		n.at, n.keyAt = d.place(m.start), d.place(m.key)
		n.raw = d.text[m.start:m.end]
	}
	switch v := v.(type) {
	case map[string]any:
		t := table{}
		for k, e := range v {
			t[k] = d.node(e, m.table[k], n.at)
		}
		n.value = t
	case []map[string]any:
		list := make([]*node, len(v))
		for i, e := range v {
			list[i] = d.node(e, m.item(i), n.at)
		}
		n.value = list
	case []any:
		list := make([]*node, len(v))
		for i, e := range v {
			list[i] = d.node(e, m.item(i), n.at)
		}
		n.value = list
	default:
		n.value = v
	}
	return n
}

func (m *mark) item(i int) *mark {
	if i < len(m.list) {
		return m.list[i]
	}
	return nil
}

// have describes a value in an error: its own text, cut short.
func (n *node) have() string {
	if t, ok := n.value.(table); ok && !strings.HasPrefix(n.raw, "{") {
		return fmt.Sprintf("a table with %s", count(len(t), "key"))
	}
	if l, ok := n.value.([]*node); ok && strings.HasPrefix(n.raw, "[[") {
		return fmt.Sprintf("a list of %s", count(len(l), "table"))
	}
	return short(oneLine(n.raw), 40)
}

// oneLine puts a text of a user on one line that a terminal can show.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// short cuts a text to n characters.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-3]) + "..."
	}
	return s
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// merge lays over onto base: tables are merged key by key, everything else is replaced whole.
func merge(base, over *node) *node {
	b, isB := base.value.(table)
	o, isO := over.value.(table)
	if !isB || !isO {
		return over
	}
	t := table{}
	for k, n := range b {
		t[k] = n
	}
	for k, n := range o {
		if under := t[k]; under != nil {
			n = merge(under, n)
		}
		t[k] = n
	}
	return &node{value: t, at: over.at, keyAt: over.keyAt, raw: over.raw}
}
