package report

import (
	"strings"
	"testing"
	"unicode"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"stem.0.weight: 5 × 5\n\tab":     "stem.0.weight: 5 × 5\n\tab",
		"\x1b]0;owned\x07":               `\x1b]0;owned\x07`,
		"100%\r  0%":                     `100%\x0d  0%`,
		"a\u202eb\u0085c\U000e0041":      `a\u202eb\u0085c\U000e0041`,
		"bytes \xff\xfe, and \xe2\x28":   `bytes \xff\xfe, and \xe2(`,
		"a real replacement: \ufffd, ok": "a real replacement: \ufffd, ok",
		"":                               "",
	} {
		if have := Plain(in); have != want {
			t.Errorf("%q: have %q, want %q", in, have, want)
		}
		var b strings.Builder
		if n, err := PlainWriter(&b).Write([]byte(in)); n != len(in) || err != nil || b.String() != want {
			t.Errorf("written %q: %d, %v, %q", in, n, err, b.String())
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("\x1b[2J\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Plain(s) {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Fatalf("%q has %q", Plain(s), r)
			}
		}
	})
}
