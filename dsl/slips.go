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
	{"top-level item to end", regexp.MustCompile(`[0-9]\s*\x00\s*[-+*/^]+\s*[0-9.(]`), "write the number itself: nothing is computed"},
	{"top-level item to end", regexp.MustCompile(`\x00\s*[,;]?\s*[A-Za-z0-9_.-]+\s*=`), "every key has a line of its own"},
	{"", regexp.MustCompile(`\x00\s*/|^\s*\x00;|\x00\s*;\s*[^\s#]`), "a comment begins with #"},
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
	{"Invalid float", regexp.MustCompile(`\x00[+-]?[0-9.]+[eE][+-]?[^0-9+-]*$`), "an exponent has digits, such as 1e-4"},
	{"out of range for int64", regexp.MustCompile(``), "an integer is at most 9223372036854775807"},
	{"out of range for float64", regexp.MustCompile(``), "a number is at most 1.8e308"},
	{"top-level item to end", regexp.MustCompile(`\x00\s*[,;]`), "every key has a line of its own, without , or ; at its end"},
}

// remedy returns the remedy of a common slip at an offset of a text that is no TOML; "" for any
// other fault.
func (d *document) remedy(message string, at int) string {
	if key, ok := strings.CutSuffix(message, "' has already been defined."); ok {
		return d.earlier(strings.TrimPrefix(key, "Key '"), at)
	}
	if key, ok := strings.CutSuffix(message, "' was already created and cannot be used as an array."); ok {
		return d.header(strings.TrimPrefix(key, "Key '"), at)
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

// header tells how the header of a table that stands a second time at an offset, as one of a list,
// is to be written where it stands first.
func (d *document) header(key string, at int) string {
	first := d.earlier(key, at)
	if m := d.before(key, at); m != nil && isList(key) {
		first = fmt.Sprintf("write [[%s]] in line %d too", key, d.place(m.key).line)
	}
	return first
}

// isList says whether the tables of that name stand in a list.
func isList(key string) bool {
	for _, full := range append(listedKeys(language, ""), listedKeys(sweepKeys, "")...) {
		if parentKey(full) == key+"[]" {
			return true
		}
	}
	return false
}

// earlier tells where a key that stands a second time at an offset stands first.
func (d *document) earlier(key string, at int) string {
	if full := strings.TrimPrefix(key, "net."); full == "stage" {
		return "write [[net.stage]] for every stage"
	}
	m := d.before(key, at)
	if m == nil {
		return ""
	}
	return fmt.Sprintf("the first one is in line %d", d.place(m.key).line)
}

// before is the mark of a key in the lines in front of an offset; nil if it is not there.
func (d *document) before(key string, at int) *mark {
	m, _ := scan(d.text[:d.lines[d.place(at).line-1]])
	for _, name := range strings.Split(key, ".") {
		if m = m.table[name]; m == nil {
			return nil
		}
	}
	return m
}
