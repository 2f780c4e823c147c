package main

import (
	"os"
	"regexp"
	"testing"
)

// TestChangelog: the version that the program prints is the newest in CHANGELOG.md.
func TestChangelog(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+)`).FindSubmatch(text)
	if newest == nil || string(newest[1]) != version {
		t.Errorf("CHANGELOG.md begins with version %q, shake version says %q", newest, version)
	}
}
