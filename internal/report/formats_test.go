package report

import (
	"strings"
	"testing"
)

func TestTableFormats(t *testing.T) {
	table := &Table{
		Columns: []Column{{Title: "row_1"}, {Title: "error %", Verb: "%.2f", Right: true}},
		Rows:    [][]any{{"a|b, \"c\"\n{d}", 3.5}, {`\~^&$#<`, nil}, {"±"}},
	}
	for format, want := range map[string]string{
		"text":     "row_1         error %\na|b, \"c\"\n{d}     3.50\n\\~^&$#<\n±\n",
		"markdown": "| row_1 | error % |\n|---|---:|\n| a\\|b, \"c\" {d} | 3.50 |\n| \\~^&$#&lt; |  |\n| ± |  |\n",
		"csv":      "row_1,error %\n\"a|b, \"\"c\"\"\n{d}\",3.50\n\\~^&$#<,\n±,\n",
		"latex": "\\begin{tabular}{lr}\n\\toprule\nrow\\_1 & error \\% \\\\\n\\midrule\na|b, \"c\" \\{d\\} & 3.50 \\\\\n" +
			"\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\&\\$\\#< &  \\\\\n$\\pm$ &  \\\\\n\\bottomrule\n\\end{tabular}\n",
	} {
		var b strings.Builder
		if err := table.Write(&b, format); err != nil || b.String() != want {
			t.Errorf("%s: %v\nhave %q\nwant %q", format, err, b.String(), want)
		}
	}
	if table.Write(&strings.Builder{}, "html") == nil {
		t.Error("a format that does not exist")
	}
}
