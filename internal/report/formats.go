package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// Markdown writes the table in GitHub's Markdown.
func (t *Table) Markdown(w io.Writer) error {
	escape := strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;")
	var b strings.Builder
	for i, row := range t.cells() {
		for _, s := range row {
			b.WriteString("| " + escape.Replace(s) + " ")
		}
		b.WriteString("|\n")
		if i > 0 {
			continue
		}
		for _, c := range t.Columns {
			if c.Right {
				b.WriteString("|---:")
			} else {
				b.WriteString("|---")
			}
		}
		b.WriteString("|\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CSV writes the table by RFC 4180, but with line feeds alone.
func (t *Table) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.WriteAll(t.cells()); err != nil {
		return err
	}
	return c.Error()
}

// LaTeX writes the table as a tabular of the package booktabs.
func (t *Table) LaTeX(w io.Writer) error {
	escape := strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`, "{", `\{`, "}", `\}`,
		"~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "±", `$\pm$`, "\n", " ")
	var b strings.Builder
	b.WriteString(`\begin{tabular}{`)
	for _, c := range t.Columns {
		if c.Right {
			b.WriteString("r")
		} else {
			b.WriteString("l")
		}
	}
	b.WriteString("}\n\\toprule\n")
	for i, row := range t.cells() {
		for j, s := range row {
			if j > 0 {
				b.WriteString(" & ")
			}
			b.WriteString(escape.Replace(s))
		}
		b.WriteString(" \\\\\n")
		if i == 0 {
			b.WriteString("\\midrule\n")
		}
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Formats are the names that Write knows.
var Formats = []string{"text", "markdown", "csv", "latex"}

// Write writes the table in the format of this name.
func (t *Table) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return t.Text(w)
	case "markdown":
		return t.Markdown(w)
	case "csv":
		return t.CSV(w)
	case "latex":
		return t.LaTeX(w)
	}
	return fmt.Errorf("report: no format %q", format)
}
