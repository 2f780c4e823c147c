package report

import (
	"math"
	"os"
	"strings"
)

// Sparkline draws the course of a figure in width columns, the newest at the right. room is the
// number of values that fill the width. Each column is then the mean of room/width values (at least
// one); with fewer values the left stays empty. first is the number of the oldest value since the
// beginning. A column begins at a multiple of the number of values in a column, so that a full
// column keeps its height. Values from 0 to top are drawn; NaN leaves a column empty.
func Sparkline(values []float64, first, room, width int, top float64, glyphs []rune) string {
	if width <= 0 {
		return ""
	}
	per := max((room+width-1)/width, 1)
	columns := make([]rune, 0, width+1)
	for i := 0; i < len(values); {
		n := min(per-(first+i)%per, len(values)-i)
		columns = append(columns, glyph(values[i:i+n], top, glyphs))
		i += n
	}
	if len(columns) > width {
		columns = columns[len(columns)-width:]
	}
	return strings.Repeat(" ", width-len(columns)) + string(columns)
}

func glyph(values []float64, top float64, glyphs []rune) rune {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return ' '
	}
	if top <= 0 {
		return glyphs[0]
	}
	return glyphs[max(0, min(int(sum/float64(n)/top*float64(len(glyphs))), len(glyphs)-1))]
}

// Blocks are the glyphs of a sparkline from low to high: eighths of a block, or, where the locale
// is not UTF-8, letters of growing height.
func Blocks() []rune {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			if strings.Contains(v, "utf-8") || strings.Contains(v, "utf8") {
				return []rune("▁▂▃▄▅▆▇█")
			}
			break
		}
	}
	return []rune("_.-=+*#@")
}
