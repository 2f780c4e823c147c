package main

import (
	"os/exec"
	"testing"
)

func TestShellWord(t *testing.T) {
	for s, want := range map[string]string{
		"runs/26-2x32d": "runs/26-2x32d", "exp[12]": "'exp[12]'", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "-x": "./-x", "$HOME": "'$HOME'", "*": "'*'",
		"~": "'~'", "a\nb": "'a\nb'", "Füße": "'Füße'", "a;rm b": "'a;rm b'", "`x`": "'`x`'", "#x": "'#x'",
	} {
		have := shellWord(s)
		if have != want {
			t.Errorf("shellWord(%q) is %s, want %s", s, have, want)
		}
		out, err := exec.Command("sh", "-c", "printf %s "+have).Output()
		if s == "-x" {
			s = "./-x"
		}
		if err != nil || string(out) != s {
			t.Errorf("a shell reads %s as %q, %v", have, out, err)
		}
	}
}
