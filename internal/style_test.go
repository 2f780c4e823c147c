package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cTokens are comments, and what may look like one: strings, raw strings and characters.
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
