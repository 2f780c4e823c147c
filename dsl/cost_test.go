package dsl

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"shake/internal/golden"
)

// TestWordCosts holds docs/notes/words.md, which has every word of a network's file with the lines
// of docs/language.md that have it in code.
func TestWordCosts(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	manual, _, _ := strings.Cut(string(text), "\n## Sweeps\n")
	code := codeLines(manual)
	cost := func(word string) (n int) {
		whole := regexp.MustCompile(`(^|[^A-Za-z0-9_])` + regexp.QuoteMeta(word) + `([^A-Za-z_]|$)`)
		for _, line := range code {
			if whole.MatchString(line) {
				n++
			}
		}
		return n
	}
	var b strings.Builder
	b.WriteString(`# Words of the language, and what they cost

A word's cost is the number of lines of [docs/language.md](../language.md), without its sweeps, that
have the word in code: in backticks or in an example. A word of several tables has the lines of all.
` + "`go test ./dsl -update` writes this page.\n")
	for _, section := range []struct {
		title string
		words []string
	}{
		{"Keys of the file", names(language)},
		{"Keys of `[net]`", names(netKeys)},
		{"Keys of `[[net.stage]]`", names(stageKeys)},
		{"Keys of `[shake]`", names(shakeKeys)},
		{"Keys of `[train]`", names(trainKeys)},
		{"Keys of a warmup", names(warmupKeys)},
		{"Keys of `[data]`", names(dataKeys)},
		{"Keys of `[engine]`", names(engineKeys)},
		{"Layers", layerWords},
		{"Keys of a layer", names(convKeys)[1:]},
		{"Skips", skipWords},
		{"Modes", modeWords},
		{"Other words", slices.Concat(levelWords, scheduleWords, setWords, splitWords, convWords, precisionWords)},
	} {
		fmt.Fprintf(&b, "\n| %s | lines |\n|---|---|\n", section.title)
		for _, word := range section.words {
			n := cost(word)
			if n == 0 {
				t.Errorf("the manual does not have %s", word)
			}
			fmt.Fprintf(&b, "| `%s` | %d |\n", word, n)
		}
	}
	golden.Compare(t, "../docs/notes/words.md", b.String())
}

// codeLines are the code of the lines of a Markdown text that have any.
func codeLines(text string) (lines []string) {
	inline := regexp.MustCompile("`[^`]*`")
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    "):
			lines = append(lines, line)
		default:
			if found := inline.FindAllString(line, -1); found != nil {
				lines = append(lines, strings.Join(found, " "))
			}
		}
	}
	return lines
}
