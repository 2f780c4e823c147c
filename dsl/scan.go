package dsl

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// mark says where a value stands in a text, as byte offsets. The TOML library does not tell, so the
// scanner walks the text a second time, after the library has found it to be valid.
type mark struct {
	key        int // of the key, or of the value if it has none
	start, end int // of the value; a table's end is that of its header or its key
	table      map[string]*mark
	list       []*mark
}

func newTable(start, end int) *mark {
	return &mark{key: start, start: start, end: end, table: map[string]*mark{}}
}

// child returns the table called name in m, made if it is not there; of a list of tables the last
// one.
func (m *mark) child(p part) *mark {
	c := m.table[p.name]
	if c == nil {
		c = newTable(p.start, p.end)
		m.table[p.name] = c
	}
	if n := len(c.list); n > 0 {
		c = c.list[n-1]
	}
	if c.table == nil {
		c.table = map[string]*mark{}
	}
	return c
}

// part is one name of a dotted key.
type part struct {
	name       string
	start, end int
}

type scanner struct {
	src   string
	i     int
	depth int // lists and tables around the current value
	deep  int // where more than maxDepth things were first within each other; -1: nowhere
}

// scan returns the marks of a TOML text, and the offset at which it nests too deeply (-1: nowhere),
// behind which nothing is marked. Behind the first fault of a text that is not valid the
// marks have no meaning, but the scan ends.
func scan(src string) (root *mark, deep int) {
	s := &scanner{src: src, deep: -1}
	root = newTable(0, 0)
	cur := root
	for s.blank(); s.i < len(s.src); s.blank() {
		if s.peek(0) == '[' {
			cur = s.header(root)
			continue
		}
		before := s.i
		s.pair(cur)
		if s.i == before {
			s.i++
		}
	}
	return root, s.deep
}

// tooDeep ends the scan at an offset.
func (s *scanner) tooDeep(at int) {
	if s.deep < 0 {
		s.deep = at
	}
	s.i = len(s.src)
}

// header reads [a.b] or [[a.b]] and returns the table that the following lines fill.
func (s *scanner) header(root *mark) *mark {
	start := s.i
	list := s.peek(1) == '['
	s.i++
	if list {
		s.i++
	}
	parts := s.keys()
	for s.peek(0) == ']' {
		s.i++
	}
	if len(parts) == 0 {
		return root
	}
	last := len(parts) - 1
	cur := root
	for _, p := range parts[:last] {
		cur = cur.child(p)
	}
	if list {
		m := cur.table[parts[last].name]
		if m == nil {
			m = &mark{key: start, start: start, end: s.i}
			cur.table[parts[last].name] = m
		}
		t := newTable(start, s.i)
		m.list = append(m.list, t)
		return t
	}
	cur = cur.child(parts[last])
	cur.key, cur.start, cur.end = start, start, s.i
	return cur
}

// pair reads key = value into the table m.
func (s *scanner) pair(m *mark) {
	parts := s.keys()
	if len(parts) == 0 {
		return
	}
	if s.peek(0) == '=' {
		s.i++
	}
	s.space()
	last := len(parts) - 1
	for _, p := range parts[:last] {
		m = m.child(p)
	}
	v := s.value()
	v.key = parts[last].start
	m.table[parts[last].name] = v
}

// keys reads the parts of a dotted key and the space behind it.
func (s *scanner) keys() []part {
	var parts []part
	for {
		s.space()
		start := s.i
		name := ""
		if c := s.peek(0); c == '"' || c == '\'' {
			s.quoted(c)
			name = unquote(s.src[start:s.i])
		} else {
			for isBare(s.peek(0)) {
				s.i++
			}
			name = s.src[start:s.i]
		}
		if s.i == start {
			return parts
		}
		if parts = append(parts, part{name, start, s.i}); len(parts) > maxDepth {
			s.tooDeep(start)
			return parts
		}
		s.space()
		if s.peek(0) != '.' {
			return parts
		}
		s.i++
	}
}

func (s *scanner) value() *mark {
	m := &mark{key: s.i, start: s.i}
	s.depth++
	defer func() { s.depth-- }()
	if s.depth > maxDepth {
		s.tooDeep(s.i)
	}
	switch c := s.peek(0); c {
	case '"', '\'':
		if q := strings.Repeat(string(c), 3); strings.HasPrefix(s.src[s.i:], q) {
			s.longQuoted(c)
		} else {
			s.quoted(c)
		}
	case '[':
		s.i++
		for s.separators(); s.i < len(s.src) && s.peek(0) != ']'; s.separators() {
			before := s.i
			m.list = append(m.list, s.value())
			if s.i == before {
				s.i++
			}
		}
		s.i++
	case '{':
		m.table = map[string]*mark{}
		s.i++
		for s.separators(); s.i < len(s.src) && s.peek(0) != '}'; s.separators() {
			before := s.i
			s.pair(m)
			if s.i == before {
				s.i++
			}
		}
		s.i++
	default: // a number, a date (which may hold a space) or a boolean
		for s.i < len(s.src) && !strings.ContainsRune(",]}#\r\n", rune(s.src[s.i])) {
			s.i++
		}
		for s.i > m.start && isSpace(s.src[s.i-1]) {
			s.i--
		}
	}
	s.i = min(s.i, len(s.src))
	m.end = s.i
	return m
}

// quoted steps over a string of one line in quotes q.
func (s *scanner) quoted(q byte) {
	for s.i++; s.i < len(s.src) && s.src[s.i] != q && s.src[s.i] != '\n'; s.i++ {
		if q == '"' && s.src[s.i] == '\\' {
			s.i++
		}
	}
	s.i = min(s.i+1, len(s.src))
}

// longQuoted steps over a string in three quotes q. Up to two more quotes may stand before the
// closing three.
func (s *scanner) longQuoted(q byte) {
	run := 0
	for s.i += 3; s.i < len(s.src); s.i++ {
		switch {
		case s.src[s.i] == q:
			run++
			continue
		case run >= 3:
			return
		case q == '"' && s.src[s.i] == '\\':
			s.i++
		}
		run = 0
	}
}

// space steps over spaces and tabs, blank over empty lines and comments too, separators over commas
// as well.
func (s *scanner) space() {
	for isSpace(s.peek(0)) {
		s.i++
	}
}

func (s *scanner) blank() {
	for s.i < len(s.src) {
		switch c := s.src[s.i]; {
		case isSpace(c) || c == '\n' || c == '\r':
			s.i++
		case c == '#':
			for s.i < len(s.src) && s.src[s.i] != '\n' {
				s.i++
			}
		default:
			return
		}
	}
}

func (s *scanner) separators() {
	for s.blank(); s.peek(0) == ','; s.blank() {
		s.i++
	}
}

// peek returns the byte n behind the current one, 0 at the end.
func (s *scanner) peek(n int) byte {
	if s.i+n >= len(s.src) {
		return 0
	}
	return s.src[s.i+n]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func isBare(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// unquote returns the text of a quoted key.
func unquote(raw string) string {
	var v struct{ K string }
	if _, err := toml.Decode("K = "+raw, &v); err != nil {
		return raw
	}
	return v.K
}
