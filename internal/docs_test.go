package internal_test

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"shake/internal/exhaustive"
)

// TestPaper holds docs/paper.md to the code: each `file:name` in it exists, and comments point to
// it by name.
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

// TestMap holds docs/map.md to the code, and the code to it: every place exists, no operation of
// the graph, no CUDA kernel is missing, each operation of the first table has its tests in the
// second, and both walks go from a file to the kernels of both devices.
func TestMap(t *testing.T) {
	const document = "docs/map.md"
	if n := checkPlaces(t, document); n < 60 {
		t.Errorf("%s names only %d places", document, n)
	}
	text := read(t, document)
	missing := func(what, place string) {
		if !strings.Contains(text, "`"+place+"`") {
			t.Errorf("%s has no row of %s: write one with `%s` in it", document, what, place)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^func \(\*(\w+)\) op\(\)`).FindAllStringSubmatch(read(t, "internal/graph/graph.go"), -1) {
		if m[1] != "Subsample" { // part of the two-flow skip
			missing("the operation "+m[1], "internal/graph/graph.go:"+m[1])
		}
	}
	tested := map[string]bool{}
	for _, row := range tableOf(t, text, "| operation | tests: CPU |") {
		for _, name := range strings.Split(row, "; ") {
			tested[name] = true
		}
	}
	operations := tableOf(t, text, "| operation | formula |")
	for _, row := range operations {
		name := regexp.MustCompile(`: | \(`).Split(row, 2)[0]
		if !tested[name] {
			t.Errorf("%s: the table of tests has no %q: write a row of it, or add it to one, behind a semicolon", document, name)
		}
	}
	if len(operations) < 30 {
		t.Errorf("%s: only %d operations were found", document, len(operations))
	}
	for _, walk := range []string{"the width of a stage", "a draw of alpha"} {
		_, steps, _ := strings.Cut(text, "\n## "+strings.ToUpper(walk[:1])+walk[1:])
		steps, _, _ = strings.Cut(steps, "\n## ")
		for _, end := range []string{"nets/26-2x32d.toml:", "**CPU**", "csrc/cpu/", "**card**", "internal/engine/gpu/"} {
			if _, rest, ok := strings.Cut(steps, end); !ok {
				t.Errorf("%s: the walk of %s has no %s behind what comes before", document, walk, end)
			} else {
				steps = rest
			}
		}
	}
	kernel := regexp.MustCompile(`__global__[^;{]*?\b(\w+)\(`)
	kernels := 0
	for _, name := range files(t) {
		if path.Ext(name) != ".cu" {
			continue
		}
		for _, line := range kernel.FindAllStringSubmatch(regexp.MustCompile(`__launch_bounds__\([^)]*\)`).ReplaceAllString(read(t, name), ""), -1) {
			kernels++
			missing("the kernel "+line[1], name+":"+line[1])
		}
	}
	if kernels < 15 {
		t.Errorf("only %d kernels were found", kernels)
	}
}

// tableOf returns the first cells of the table whose heading begins so.
func tableOf(t *testing.T, text, heading string) (rows []string) {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+heading)
	if !ok {
		t.Fatalf("no table %s", heading)
	}
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "| ") {
			return rows
		}
		row, _, _ := strings.Cut(line[2:], " | ")
		rows = append(rows, row)
	}
	return rows
}

// TestPlaces checks the places and the targets of make that documents name.
func TestPlaces(t *testing.T) {
	target := regexp.MustCompile("(?m)`make ([a-z][a-z0-9-]*)|^make ([a-z][a-z0-9-]*) +#")
	makefile := read(t, "Makefile")
	targets := 0
	for _, name := range files(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		checkPlaces(t, name)
		for _, m := range target.FindAllStringSubmatch(read(t, name), -1) {
			targets++
			if !strings.Contains(makefile, "\n"+m[1]+m[2]+":") {
				t.Errorf("%s: make has no target %s", name, m[1]+m[2])
			}
		}
	}
	if targets < 50 {
		t.Errorf("only %d targets of make were found", targets)
	}
}

// TestLinks: every relative link of a document leads to a file or folder of the repository.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)
	for _, name := range files(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		for i, line := range strings.Split(read(t, name), "\n") {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if _, err := fs.Stat(tree(), path.Join(path.Dir(name), m[1])); err != nil {
					t.Errorf("%s:%d: no %s: %v", name, i+1, m[1], err)
				}
			}
		}
	}
}

// TestStatus: every test that docs/status.md and docs/notes/faults.md name exists, and rows of
// docs/status.md can be scanned.
func TestStatus(t *testing.T) {
	for page, least := range map[string]int{"docs/status.md": 80, "docs/notes/faults.md": 80} {
		t.Run(page, func(t *testing.T) { namesTests(t, page, least) })
	}
}

// namesTests checks the names of tests in a page, at least so many.
func namesTests(t *testing.T, page string, least int) {
	declared := map[string]bool{}
	for _, name := range files(t) {
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example|Benchmark)\w+)\(`).FindAllStringSubmatch(read(t, name), -1) {
				declared[m[1]] = true
			}
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Example|Benchmark)\\w+)(?:/(\\w+))?`")
	n := 0
	for i, line := range strings.Split(read(t, page), "\n") {
		if have := utf8.RuneCountInString(line); exhaustive.On() && have > 400 && page == "docs/status.md" {
			t.Errorf("%s:%d: a line of %d characters, want 400 at most: one claim a row", page, i+1, have)
		}
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			n++
			if !declared[m[1]] {
				t.Errorf("%s:%d: no test %s; if it was renamed, write its new name there", page, i+1, m[1])
			}
			if m[1] == "TestScripts" {
				if _, err := fs.Stat(tree(), "cmd/shake/testdata/script/"+m[2]+".txtar"); err != nil {
					t.Errorf("%s:%d: no script %s: %v", page, i+1, m[2], err)
				}
			}
		}
	}
	if n < least {
		t.Errorf("%s names only %d tests", page, n)
	}
}

// TestBenchPage: docs/bench.md names every benchmark and every unit that one reports, and no
// benchmark that does not exist.
func TestBenchPage(t *testing.T) {
	page := read(t, "docs/bench.md")
	declared := map[string]bool{}
	units := 0
	for _, name := range files(t) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		text := read(t, name)
		for _, m := range regexp.MustCompile(`(?m)^func (Benchmark\w+)\(`).FindAllStringSubmatch(text, -1) {
			declared[m[1]] = true
			if !strings.Contains(page, "`"+m[1]+"`") {
				t.Errorf("docs/bench.md does not name %s of %s", m[1], name)
			}
		}
		for _, m := range regexp.MustCompile(`ReportMetric\(.*, "([^"]+)"\)`).FindAllStringSubmatch(text, -1) {
			units++
			if !strings.Contains(page, "`"+m[1]+"`") {
				t.Errorf("docs/bench.md does not say what %s means, which %s reports", m[1], name)
			}
		}
	}
	if len(declared) < 20 || units < 20 {
		t.Errorf("only %d benchmarks and %d units were found", len(declared), units)
	}
	for _, m := range regexp.MustCompile("`(Benchmark\\w+)`").FindAllStringSubmatch(page, -1) {
		if !declared[m[1]] {
			t.Errorf("docs/bench.md: there is no %s", m[1])
		}
	}
}

// TestPerformanceIsOnePage: docs/performance.md has results and limits; experiments are notes.
func TestPerformanceIsOnePage(t *testing.T) {
	if n := strings.Count(read(t, "docs/performance.md"), "\n"); n > 66 {
		t.Errorf("docs/performance.md has %d lines, want 66 at most: move what was tried to docs/notes", n)
	}
}

// place is a `file:name` or a `folder/file.ext` in a document.
var place = regexp.MustCompile("`((?:[A-Za-z0-9_.-]+/)+[A-Za-z0-9_.-]+\\.[a-z]+)(?::([A-Za-z0-9_]+))?`")

// users are places in folders of a user.
var users = []string{"train/cat/1.png", "shake/data/images/KEY.cache", "state/step-NNNNNNNNNN.safetensors", "ROW/net.toml"}

// checkPlaces checks every place that a document names: the file exists and contains the name as a
// word. It returns how many there are.
func checkPlaces(t *testing.T, document string) (n int) {
	t.Helper()
	for i, line := range strings.Split(read(t, document), "\n") {
		for _, m := range place.FindAllStringSubmatch(line, -1) {
			file, name := m[1], m[2]
			if slices.Contains(users, file) {
				continue
			}
			n++
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
