package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEmptyPaths: no flag that names a file or a folder takes the empty value of an unset variable.
func TestEmptyPaths(t *testing.T) {
	app := &app{nil, io.Discard, io.Discard}
	checked := map[string]bool{}
	var walk func(root, c *cobra.Command)
	walk = func(root, c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(root, sub)
		}
		for _, name := range pathFlags(c) {
			checked[name] = true
			if err := c.Flags().Set(name, ""); err != nil {
				t.Fatal(err)
			}
			if err := root.PersistentPreRunE(c, nil); err == nil || !strings.Contains(err.Error(), "--"+name+" is empty") {
				t.Errorf("%s --%s: %v", c.CommandPath(), name, err)
			}
			c.Flags().Lookup(name).Changed = false
		}
	}
	root := app.root()
	walk(root, root)
	for _, name := range strings.Fields("out resume weights data predictions confusion figure trace roofline timeline against dir from") {
		if !checked[name] {
			t.Errorf("--%s was not checked", name)
		}
	}
}
