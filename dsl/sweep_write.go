package dsl

import (
	"fmt"
	"strconv"
	"strings"
)

// TOML writes the sweep as a file that leaves nothing to a default. net says for each row the file
// of its resolved network, in which the overrides are; the rows have none.
func (s *Sweep) TOML(net func(*Row) string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "name  = %s\ntitle = %s\ntable = %d\n", strconv.Quote(s.Name), tomlText(s.Title), s.Table)
	for i := range s.Rows {
		r := &s.Rows[i]
		seeds := make([]string, len(r.Seeds))
		for j, v := range r.Seeds {
			seeds[j] = strconv.FormatUint(v, 10)
		}
		fmt.Fprintf(&b, "\n[[row]]\nname     = %s\nmodel    = %s\nnet      = %s\nseeds    = [%s]\n", strconv.Quote(r.Name), tomlText(r.Model), tomlText(net(r)), strings.Join(seeds, ", "))
		if r.Paper > 0 {
			fmt.Fprintf(&b, "paper    = %s\n", floatText(r.Paper))
		}
		if r.Runs > 0 {
			fmt.Fprintf(&b, "runs     = %d\n", r.Runs)
		}
		fmt.Fprintf(&b, "diverges = %v\n", r.Diverges)
	}
	for _, c := range s.Cited {
		fmt.Fprintf(&b, "\n[[cited]]\nmodel = %s\nerror = %s\ndata  = %s\n", tomlText(c.Model), floatText(c.Error), strconv.Quote(c.Data))
	}
	return []byte(b.String())
}

// tomlText quotes a text of a user as TOML's basic string, which knows fewer escapes than Go's.
func tomlText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
