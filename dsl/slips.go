package dsl

import (
	"fmt"
	"regexp"
	"strings"
)

// slip is a common slip in writing TOML. says is part of the library's message. at matches the line
// with a zero byte in front of the fault, remedy is a template of its groups.
type slip struct {
	says   string
	at     *regexp.Regexp
	remedy string
}

// slips are tried in order.
var slips = []slip{
	{"", regexp.MustCompile(`\x00\s*//?`), "a comment begins with #"},
	{"", regexp.MustCompile(`\x00:`), "write = between a key and its value"},
	{"expected value", regexp.MustCompile(`=\s*\x00=`), "write one ="},
	{"expected value", regexp.MustCompile(`\x00(?i:true|yes|on)\b`), "write true"},
	{"expected value", regexp.MustCompile(`\x00(?i:false|no|off)\b`), "write false"},
	{"expected value", regexp.MustCompile(`\x00(?i:null|nil)\b|\x00None\b`), "leave the key out"},
	{"expected value", regexp.MustCompile(`\x00([A-Za-z_][A-Za-z0-9_./-]*)`), `write "$1", in quotes`},
	{"expected value", regexp.MustCompile(`\x00\(`), "a list stands in [ ]"},
	{"expected value", regexp.MustCompile(`=\s*\x00\s*(#.*)?$`), "give the key a value, or leave it out"},
	{"", regexp.MustCompile(`\x00[“”„‘’]`), `write plain quotes, ""`},
	{"'.' or '='", regexp.MustCompile(`^\s*([A-Za-z0-9_-]+)[ \t]+\x00([A-Za-z0-9_-]+)[ \t]*=`), "write ${1}_$2"},
	{"'.' or '='", regexp.MustCompile(`^\s*[A-Za-z0-9_-]+[ \t]*\x00[^=]*$`), "write = between a key and its value"},
	{"start with a digit", regexp.MustCompile(`\x00[+-]?\.([0-9]+)`), "write 0.$1"},
	{"followed by one or more digits", regexp.MustCompile(`\x00([+-]?[0-9]+)\.`), "write $1.0"},
	{"leading zeroes", regexp.MustCompile(`\x00([+-]?)0+([0-9]+)`), "write $1$2"},
	{"cannot contain newlines", regexp.MustCompile(``), "close the text with its quote"},
	{"terminator (']'), but got end of file", regexp.MustCompile(``), "close the list with ]"},
	{"a comma", regexp.MustCompile(`\x00["'\[{0-9A-Za-z+.-]`), "a comma belongs between two items"},
	{"array terminator", regexp.MustCompile(`\x00\s*$`), "close the list with ]"},
	{"table array name", regexp.MustCompile(``), "close the name with ]]"},
	{"table name", regexp.MustCompile(``), "close the name with ]"},
	{"top-level item to end", regexp.MustCompile(`[0-9]\x00,[0-9]`), "write a decimal point"},
	{"top-level item to end", regexp.MustCompile(`\x00[,;]`), "every key has a line of its own, without , or ; at its end"},
}

// remedy returns the remedy of a common slip at an offset of a text that is no TOML; "" for any
// other fault.
func (d *document) remedy(message string, at int) string {
	if key, ok := strings.CutSuffix(message, "' has already been defined."); ok {
		return d.earlier(strings.TrimPrefix(key, "Key '"), at)
	}
	start := d.lines[d.place(at).line-1]
	end := len(d.text)
	if n := strings.IndexByte(d.text[start:], '\n'); n >= 0 {
		end = start + n
	}
	at = min(at, end)
	line := d.text[start:at] + "\x00" + strings.TrimSuffix(d.text[at:end], "\r")
	for _, s := range slips {
		if m := s.at.FindStringSubmatchIndex(line); m != nil && strings.Contains(message, s.says) {
			return string(s.at.ExpandString(nil, s.remedy, line, m))
		}
	}
	return ""
}

// earlier tells where a key that stands a second time at an offset stands first.
func (d *document) earlier(key string, at int) string {
	if full := strings.TrimPrefix(key, "net."); full == "stage" {
		return "write [[net.stage]] for every stage"
	}
	m, _ := scan(d.text[:d.lines[d.place(at).line-1]])
	for _, name := range strings.Split(key, ".") {
		if m = m.table[name]; m == nil {
			return ""
		}
	}
	return fmt.Sprintf("the first one is in line %d", d.place(m.key).line)
}
