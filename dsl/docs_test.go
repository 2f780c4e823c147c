package dsl

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"shake/internal/golden"
)

const manual = "../docs/language.md"

// TestManualKeys holds the tables of docs/language.md against the table of keys. Between <!-- keys
// of PATH --> and <!-- end --> the manual's text is made by -update.
func TestManualKeys(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]key{
		"the file": language, "[net]": netKeys, "[[net.stage]]": stageKeys, "a conv": convKeys, "a pool": poolKeys("maxpool"), "a dropout": dropoutKeys,
		"[shake]": shakeKeys, "[train]": trainKeys, "warmup": warmupKeys, "[data]": dataKeys, "[engine]": engineKeys,
		"a sweep": sweepKeys, "[[row]]": rowKeys, "[[cited]]": citedKeys,
	}
	found := map[string]bool{}
	section := regexp.MustCompile(`(?s)<!-- keys of (.*?) -->\n.*?<!-- end -->`)
	have := section.ReplaceAllStringFunc(string(text), func(s string) string {
		name := section.FindStringSubmatch(s)[1]
		found[name] = true
		return "<!-- keys of " + name + " -->\n" + keyTable(tables[name]) + "<!-- end -->"
	})
	for name := range tables {
		if !found[name] {
			t.Errorf("the manual has no table of the keys of %s", name)
		}
	}
	golden.Compare(t, manual, have)
}

// keyTable is the Markdown table of some keys.
func keyTable(keys []key) string {
	var b strings.Builder
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, k := range keys {
		def := k.absent
		switch {
		case k.def != "":
			def = "`" + k.def + "`"
		case k.required():
			def = "must be given"
		case k.kind == subtable:
			def = "see below"
		}
		want := k.want()
		if k.kind == word {
			want = "`" + strings.Join(quoteAll(k.words), "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, want, def, k.doc)
	}
	return b.String()
}

// TestManualExamples parses every TOML example of the manual, and every override in it.
func TestManualExamples(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) < 5 {
		t.Errorf("%d examples", len(examples))
	}
	for _, e := range examples {
		if strings.Contains(e[1], "[[row]]") {
			if _, err := sweeping.ParseSweep("example.toml", []byte(e[1])); err != nil {
				t.Errorf("%s\n%v", e[1], err)
			}
			continue
		}
		s, err := builtin.Parse("example.toml", []byte(e[1]))
		if err != nil {
			t.Errorf("%s\n%v", e[1], err)
			continue
		}
		again(t, s)
	}
	overrides := regexp.MustCompile(`-o ('[^']*'|[^ \n]+)`).FindAllStringSubmatch(string(text), -1)
	if len(overrides) < 8 {
		t.Errorf("%d overrides", len(overrides))
	}
	for _, o := range overrides {
		over := strings.Trim(o[1], "'`")
		if strings.HasPrefix(over, "key=value") {
			continue
		}
		if _, err := builtin.Load("26-2x32d", over); err != nil {
			t.Error(err)
		}
	}
}

// TestManualMistakes holds the mistakes that the manual shows: four together, and two alone.
func TestManualMistakes(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, mistakes := range [][]string{
		{"momentum = 0.9", "momentun = 0.9", "lr = 0.2", "lr = -0.2", `backward = "shake"`, `backward = "shale"`, "blocks = 1", "blocks = 1\nstride = 3"},
		{"nesterov = true", "nesterov = True"},
		{"crop = 4", "crop = 4\nseed = 3"},
	} {
		_, err = builtin.Parse("mynet.toml", []byte(strings.NewReplacer(mistakes...).Replace(whole)))
		if err == nil {
			t.Fatalf("%v: no mistake", mistakes)
		}
		said = append(said, strings.Split(err.Error(), "\n")...)
	}
	shown := regexp.MustCompile(`(?m)^mynet\.toml:.*$`)
	if have := len(shown.FindAllString(string(text), -1)); have != len(said) {
		t.Fatalf("the manual shows %d mistakes, the parser says %d:\n%s", have, len(said), strings.Join(said, "\n"))
	}
	golden.Compare(t, manual, shown.ReplaceAllStringFunc(string(text), func(string) string {
		line := said[0]
		said = said[1:]
		return line
	}))
}
