package main

import (
	"bytes"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/nets"
)

// TestReadme: the README's network is 26-2x32d.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := bytes.Cut(text, []byte("```toml\n"))
	net, _, found := bytes.Cut(after, []byte("```"))
	if !found {
		t.Fatal("no network in the README")
	}
	spec, err := new(dsl.Loader).Parse("26-2x32d.toml", net)
	if err != nil {
		t.Fatal(err)
	}
	want, err := nets.Load("26-2x32d")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(spec.TOML(), want.TOML()) {
		t.Errorf("the README's network is not 26-2x32d:\n%s", spec.TOML())
	}
}

// TestCommands: the verbs, flags and overrides of every command in the documents exist. Commands
// stand in code, go on over a backslash and end with the line, a pipe or a remark.
func TestCommands(t *testing.T) {
	commands := regexp.MustCompile("(?m)(?:^|`)(?:bin/)?shake ([a-z][^`#>;&]*?)(?:`|#|>|;|&|$)")
	documents, err := fs.Glob(os.DirFS("../.."), "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, document := range append(documents, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/notes/gpu-model.md", "tools/launch/README.md") {
		text, err := os.ReadFile("../../" + document)
		if err != nil {
			t.Fatal(err)
		}
		joined := strings.ReplaceAll(string(text), "\\\n", " ")
		for _, m := range commands.FindAllStringSubmatch(joined, -1) {
			if m[1] == "images 1" { // the first line of a cache file
				continue
			}
			n++
			where := document + ": " + m[0]
			args := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(m[1], `\|`, "|"), "|", " "))
			c, rest, err := new(app).root().Find(args)
			if err != nil || !c.HasParent() && args[0] != "completion" && args[0] != "help" {
				t.Errorf("%q: no such verb (%v)", where, err)
				continue
			}
			holdFlags(t, where, c, rest)
		}
	}
	if n < 60 {
		t.Errorf("only %d commands found in the documents", n)
	}
}

// holdFlags checks the flags of one command, and its overrides.
func holdFlags(t *testing.T, command string, c *cobra.Command, args []string) {
	var overrides []string
	for i, a := range args {
		if a == "-o" && i+1 < len(args) {
			overrides = append(overrides, args[i+1])
		}
		if name, ok := strings.CutPrefix(a, "--"); ok && c.Flags().Lookup(name) == nil {
			t.Errorf("%q: no flag --%s", command, name)
		}
	}
	if _, err := nets.Load("26-2x32d", overrides...); err != nil {
		t.Errorf("%q: %v", command, err)
	}
}
