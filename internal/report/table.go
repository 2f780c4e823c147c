package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is rows of values under named columns.
type Table struct {
	Columns []Column
	Rows    [][]any // as many values as columns; nil is empty
}

// Column is a heading and the format of the values below it.
type Column struct {
	Title string
	Verb  string // of fmt; "" is %v
	Right bool   // aligned right, as for numbers
}

// Text writes the table with aligned columns, two spaces apart, under its headings. A row shorter
// than the columns leaves the rest empty.
func (t *Table) Text(w io.Writer) error {
	_, err := io.WriteString(w, strings.Join(t.Lines(), "\n")+"\n")
	return err
}

// cells are the headings and the rows as texts.
func (t *Table) cells() [][]string {
	cells := make([][]string, 0, len(t.Rows)+1)
	var head []string
	for _, c := range t.Columns {
		head = append(head, c.Title)
	}
	cells = append(cells, head)
	for _, r := range t.Rows {
		row := make([]string, len(t.Columns))
		for i := range min(len(r), len(t.Columns)) {
			row[i] = t.Columns[i].text(r[i])
		}
		cells = append(cells, row)
	}
	return cells
}

// Lines are the lines of Text.
func (t *Table) Lines() []string {
	cells := t.cells()
	width := make([]int, len(t.Columns))
	for _, row := range cells {
		for i, s := range row {
			width[i] = max(width[i], utf8.RuneCountInString(s))
		}
	}
	var lines []string
	for _, row := range cells {
		var l strings.Builder
		for i, s := range row {
			if i > 0 {
				l.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if t.Columns[i].Right {
				l.WriteString(pad + s)
			} else {
				l.WriteString(s + pad)
			}
		}
		lines = append(lines, strings.TrimRight(l.String(), " "))
	}
	return lines
}

func (c Column) text(v any) string {
	if v == nil {
		return ""
	}
	if c.Verb == "" {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf(c.Verb, v)
}

// Count writes a number with its thousands apart: 2,923,162.
func Count(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Plural writes a count with its noun: "1 epoch", "1,800 epochs".
func Plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(int64(n)) + " " + noun
}

// Bytes writes a size in powers of 1024 with one decimal: 1.5 GiB.
func Bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < 4 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[unit])
}
