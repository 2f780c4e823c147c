package internal_test

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestPaper holds docs/paper.md to the code: each `file:name` in it exists, and comments point to it by name.
func TestPaper(t *testing.T) {
	if n := checkPlaces(t, "docs/paper.md"); n < 40 {
		t.Errorf("docs/paper.md names only %d places", n)
	}
	dangling := regexp.MustCompile(`(?i)reference('s|,)? (section|table)`)
	for _, name := range files(t) {
		if !regexp.MustCompile(`\.(go|c|cc|h|cu|py|md|toml)$`).MatchString(name) {
			continue
		}
		for i, line := range strings.Split(read(t, name), "\n") {
			if m := dangling.FindString(line); m != "" {
				t.Errorf("%s:%d: %q points to no document: name docs/paper.md and its heading", name, i+1, m)
			}
		}
	}
}

// TestPlaces holds what other documents say is where.
func TestPlaces(t *testing.T) {
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/rationale.md", "docs/performance.md"} {
		checkPlaces(t, document)
	}
}

// place is a `file:name` or a `folder/file.ext` in a document.
var place = regexp.MustCompile("`((?:[A-Za-z0-9_.-]+/)+[A-Za-z0-9_.-]+\\.[a-z]+)(?::([A-Za-z0-9_]+))?`")

// checkPlaces checks every place that a document names: the file exists and contains the name as a word. It returns how many there are.
func checkPlaces(t *testing.T, document string) (n int) {
	t.Helper()
	for i, line := range strings.Split(read(t, document), "\n") {
		for _, m := range place.FindAllStringSubmatch(line, -1) {
			n++
			file, name := m[1], m[2]
			text, err := fs.ReadFile(tree(), file)
			if err != nil {
				t.Errorf("%s:%d: no file %s; if it was moved, write its new path there (git log --follow, or: git ls-files '*%s')",
					document, i+1, file, path.Base(file))
			} else if !regexp.MustCompile(`\b` + name + `\b`).Match(text) {
				t.Errorf("%s:%d: %s has no %s; if that was renamed or moved, write its new place there (git grep -nw %s)",
					document, i+1, file, name, name)
			}
		}
	}
	return n
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(tree(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
