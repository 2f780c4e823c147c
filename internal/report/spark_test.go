package report

import (
	"math"
	"testing"
)

func TestSparkline(t *testing.T) {
	nan := math.NaN()
	letters := []rune("abcd")
	for _, c := range []struct {
		name        string
		values      []float64
		first, room int
		width       int
		want        string
	}{
		{"none", nil, 0, 10, 4, "    "},
		{"no room", []float64{1}, 0, 10, 0, ""},
		{"few", []float64{0, 25, 50, 100}, 0, 8, 8, "    abcd"},
		{"more columns than room", []float64{0, 100}, 0, 2, 4, "  ad"},
		{"below and above", []float64{-5, 200}, 0, 2, 2, "ad"},
		{"unknown", []float64{0, nan, 60}, 0, 3, 3, "a c"},
		{"two a column", []float64{0, 30, 60, nan, 90}, 0, 6, 3, "acd"},
		{"columns keep their borders", []float64{30, 60, nan, 90, 0}, 1, 6, 3, "bcb"},
		{"the oldest column gives way", []float64{100, 0, 0, 0, 0, 0}, 1, 6, 3, "aaa"},
	} {
		if have := Sparkline(c.values, c.first, c.room, c.width, 100, letters); have != c.want {
			t.Errorf("%s: have %q, want %q", c.name, have, c.want)
		}
	}
	if have := Sparkline([]float64{0}, 0, 1, 1, 0, letters); have != "a" {
		t.Errorf("a top of 0: have %q", have)
	}
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct{ all, ctype, lang, want string }{
		{"", "", "", "_"}, {"", "", "en_US.UTF-8", "▁"}, {"C", "", "en_US.UTF-8", "_"}, {"", "C.utf8", "C", "▁"},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", c.ctype)
		t.Setenv("LANG", c.lang)
		if have := Blocks(); string(have[0]) != c.want || len(have) != 8 {
			t.Errorf("%+v: have %q", c, string(have))
		}
	}
}
