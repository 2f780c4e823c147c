package cpu

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stems are the operations of this folder and the parts of a convolution. Each has a file of its
// own, each file belongs to one, and README.md names each.
var stems = []string{
	"augment", "join", "correlate", "pooling", "dropout", "widen", "gradsum", "sgd", "clip", "head", "norm", "norm_sums", "tensor", "threads", "isa",
	"dispatch", "vec", "peak", "spans", "conv", "conv_spec", "conv_plan", "conv_panel", "conv_area", "conv_pack", "conv_kernels",
	"conv_stage", "conv_gemm", "conv_weight_gradient", "conv_transform", "conv_winograd", "conv_strassen",
	"batch",
}

// support are the stems that no reader looks for: checks of operands, and the tests' own.
var support = []string{"doc", "fit", "fixture", "reader", "conv_case", "shapes", "names"}

// parts are the endings that may follow a stem in a file's name.
var parts = regexp.MustCompile(`^(_(avx512|avx2|portable|choose|pack|tile|maps))?(_kernel|_test)?$`)

func TestStems(t *testing.T) {
	readme := read(t, "README.md")
	have := map[string]bool{}
	for _, f := range files(t) {
		name := strings.TrimSuffix(f, filepath.Ext(f))
		if f == "README.md" {
			continue
		}
		stem := ""
		for _, s := range slices.Concat(stems, support) {
			if rest, ok := strings.CutPrefix(name, s); ok && parts.MatchString(rest) && len(s) > len(stem) {
				stem = s
			}
		}
		if stem == "" {
			t.Errorf("%s: not one of the stems of names_test.go", f)
		}
		have[stem] = true
	}
	for _, s := range slices.Concat(stems, support) {
		if !have[s] {
			t.Errorf("no file of stem %s", s)
		}
	}
	for _, s := range stems {
		if !strings.Contains(readme, "`"+s+"`") {
			t.Errorf("README.md: no stem `%s`", s)
		}
	}
}

// banned are words that this folder uses for one thing under another name, or had more than one
// meaning for.
var banned = map[string]string{
	`\bsk_fast|\bfast_`:         "transform",
	`\bsk_run\b|\bsk_step\b`:    "panel, term",
	`\bcoefs?\b`:                "alpha, beta or factor",
	`divert|hand_over`:          "choose",
	`\bSK_B\b`:                  "SK_LANES",
	`\bsh_`:                     "sk_",
	`freqs?\b`:                  "element",
	`(?m)^#define (LOAD|STORE)`: "a function",
}

// TestGlossary holds docs/glossary.md to the words of this folder: each is defined, once and in
// order, and each defined word is used.
func TestGlossary(t *testing.T) {
	text := read(t, "../../docs/glossary.md")
	defined := map[string]bool{}
	last := ""
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z-]+) \| (.*)`).FindAllStringSubmatch(text, -1) {
		word := m[1]
		if word == "word" {
			continue
		}
		if defined[word] || word < last {
			t.Errorf("glossary: %s stands twice or out of order", word)
		}
		if len(m[2]) < 20 {
			t.Errorf("glossary: %s has no definition", word)
		}
		defined[word], last = true, word
	}
	for _, w := range strings.Fields("block chunk group pitch strip run step island lane tile panel accumulator term tap slice stretch") {
		if !defined[w] {
			t.Errorf("glossary: %s is not defined", w)
		}
	}
	var all strings.Builder
	for _, f := range files(t) {
		if f == "names_test.go" {
			continue
		}
		s := read(t, f)
		for pattern, instead := range banned {
			if found := regexp.MustCompile(pattern).FindString(s); found != "" {
				t.Errorf("%s: %q, want %s", f, found, instead)
			}
		}
		all.WriteString(strings.ToLower(s))
	}
	for _, w := range regexp.MustCompile(`\*([a-z]+?)s?\*`).FindAllStringSubmatch(read(t, "README.md"), -1) {
		if !defined[w[1]] {
			t.Errorf("README.md: *%s* is not in the glossary", w[1])
		}
	}
	for _, w := range strings.Fields("block chunk pitch strip island lane tile panel accumulator term tap slice stretch") {
		if !strings.Contains(all.String(), w) {
			t.Errorf("glossary: no file uses %s", w)
		}
	}
}

func files(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.go", "*.c", "*.h", "*.md"} {
		f, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f...)
	}
	if len(out) < 50 {
		t.Fatalf("%d files", len(out))
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
