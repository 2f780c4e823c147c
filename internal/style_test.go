package internal_test

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"shake/internal/exhaustive"
)

// TestCommentWidth: no comment in Go, C, C++ or CUDA reaches beyond column 100. Code may. It runs
// under make check, so that it does not hold up work in progress.
func TestCommentWidth(t *testing.T) {
	exhaustive.Only(t)
	eachCommented(t, func(name, text string, comments [][2]int) {
		for _, c := range comments {
			first, at := strings.LastIndexByte(text[:c[0]], '\n')+1, c[0]
			for line := range strings.Lines(text[first:c[1]]) {
				line = strings.TrimRight(line, "\r\n")
				if utf8.RuneCountInString(line) > 100 && utf8.RuneCountInString(text[first:max(at, first)]) < 100 {
					t.Errorf("%s:%d: a comment reaches to column %d, want 100 at most", name, 1+strings.Count(text[:first], "\n"), utf8.RuneCountInString(line))
				}
				first += len(line) + 1
				at = first
			}
		}
	})
}

// TestProseWidth: no line of a document's prose reaches beyond column 100. Code, rows of tables and
// a line that is one link may.
func TestProseWidth(t *testing.T) {
	exhaustive.Only(t)
	link := regexp.MustCompile(`^\W*\[[^\]]*\]\([^)]*\)\W*$`)
	lines := 0
	for _, name := range files(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		fenced := false
		for i, line := range strings.Split(read(t, name), "\n") {
			if fence := strings.HasPrefix(strings.TrimSpace(line), "```"); fence || fenced {
				fenced = fenced != fence
				continue
			}
			if strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "|") {
				continue
			}
			lines++
			if have := utf8.RuneCountInString(line); have > 100 && !link.MatchString(line) {
				t.Errorf("%s:%d: a line reaches to column %d, want 100 at most", name, i+1, have)
			}
		}
	}
	if lines < 2000 {
		t.Errorf("only %d lines of prose were found", lines)
	}
}

// eachCommented calls f with the text of every file of Go, C, C++ and CUDA, and where its comments
// stand.
func eachCommented(t *testing.T, f func(name, text string, comments [][2]int)) {
	t.Helper()
	for _, name := range files(t) {
		of := cComments
		switch path.Ext(name) {
		case ".go":
			of = goComments
		case ".c", ".cc", ".cu", ".h":
		default:
			continue
		}
		if !strings.Contains(name, "/testdata/") {
			text := read(t, name)
			f(name, text, of(text))
		}
	}
}

// goComments returns where the comments of a Go file stand.
func goComments(text string) (out [][2]int) {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return out
		case token.COMMENT:
			out = append(out, [2]int{file.Offset(pos), file.Offset(pos) + len(lit)})
		}
	}
}

// cTokens are comments, and texts that may look like one: strings, raw strings and characters.
var cTokens = regexp.MustCompile(`(?s)//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|\b\d[\d']*\d\b|'(?:\\.|[^'\\\n])+'`)

// cComments returns where the comments of a file of C, C++ or CUDA stand.
func cComments(text string) (out [][2]int) {
	for _, m := range cTokens.FindAllStringIndex(text, -1) {
		if strings.HasPrefix(text[m[0]:], "//") || strings.HasPrefix(text[m[0]:], "/*") {
			out = append(out, [2]int{m[0], m[1]})
		}
	}
	return out
}

// TestOnePrefix: names of C and CUDA begin with sk_.
func TestOnePrefix(t *testing.T) {
	other := regexp.MustCompile(`\b(sh|SH)_\w+`)
	for _, name := range files(t) {
		if below(name, "csrc") && slices.Contains([]string{".c", ".cc", ".cu", ".h"}, path.Ext(name)) {
			if w := other.FindString(read(t, name)); w != "" {
				t.Errorf("%s: %s: the prefix of C and CUDA is sk_", name, w)
			}
		}
	}
}

const mostParameters = 8

// TestParameters: no function takes more than eight arguments; operands that belong together are a
// struct. Entry points of kernels, and functions that NVIDIA's headers declare, are as they are.
func TestParameters(t *testing.T) {
	functions := 0
	for _, name := range files(t) {
		if strings.Contains(name, "/testdata/") {
			continue
		}
		switch path.Ext(name) {
		case ".go":
			functions += goParameters(t, name)
		case ".c", ".cc", ".cu", ".h":
			functions += cParameters(t, name)
		}
	}
	if functions < 4000 {
		t.Errorf("only %d functions were found", functions)
	}
}

func goParameters(t *testing.T, name string) (functions int) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "../"+name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncType); ok {
			functions++
			if have := f.Params.NumFields(); have > mostParameters {
				t.Errorf("%s: a function of %d parameters, want %d at most", set.Position(f.Pos()), have, mostParameters)
			}
		}
		return true
	})
	return functions
}

var (
	cDefinition = regexp.MustCompile(`(\w+)\s*\(((?:[^(){};]|\((?:[^(){};]|\([^(){};]*\))*\))*)\)\s*(?:const\s*)?(?:noexcept\s*)?\{`)
	cGroup      = regexp.MustCompile(`\([^()]*\)|<[^<>]*>|\[[^\[\]]*\]`)
	cMacro      = regexp.MustCompile(`(?m)^\s*#(?:.*\\\n)*.*$`)
	cEntry      = regexp.MustCompile(`__global__[^;{}]*$`)
	cReserved   = []string{"if", "for", "while", "switch", "catch", "sizeof", "return", "defined"}
	nvidias     = regexp.MustCompile(`^(cu[A-Z]|cudnn|nvrtc|nvml)`)
)

// cParameters finds definitions by their form: a name, arguments in parentheses, a brace.
func cParameters(t *testing.T, name string) (functions int) {
	text := []byte(read(t, name))
	for _, c := range cComments(string(text)) {
		for i := c[0]; i < c[1]; i++ {
			if text[i] != '\n' {
				text[i] = ' '
			}
		}
	}
	code := cMacro.ReplaceAllStringFunc(string(text), func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
	for _, m := range cDefinition.FindAllStringSubmatchIndex(code, -1) {
		function, list := code[m[2]:m[3]], code[m[4]:m[5]]
		if slices.Contains(cReserved, function) || nvidias.MatchString(function) || cEntry.MatchString(code[max(0, m[0]-120):m[0]]) {
			continue
		}
		functions++
		for cGroup.MatchString(list) {
			list = cGroup.ReplaceAllString(list, "")
		}
		if have := 1 + strings.Count(list, ","); have > mostParameters {
			t.Errorf("%s:%d: %s has %d parameters, want %d at most", name, 1+strings.Count(code[:m[0]], "\n"), function, have, mostParameters)
		}
	}
	return functions
}
