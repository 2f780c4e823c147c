package cudnn_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"shake/csrc/emu"
)

// TestReadmeFromOutside follows the README's instructions to another module: the commands and the
// program are the README's own text. The test may download nothing, so the binding imports only the
// standard library and packages of this module.
func TestReadmeFromOutside(t *testing.T) {
	if os.Getenv("SHAKE_NVIDIA") != "" {
		t.Skip("SHAKE_NVIDIA: this process asks the real library, without a card")
	}
	emu.Require(t)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here: this is a compiled test")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## cuDNN from another Go program\n")
	commands, section := fenced(t, section, "```\n")
	program, _ := fenced(t, section, "```go\n")

	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "main.go"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	// The README's place of the clone: here it is the folder of this repository
	const clone = "../shake"
	if strings.Count(commands, clone) != 1 {
		t.Fatalf("the README's commands name %s %d times, want once", clone, strings.Count(commands, clone))
	}
	commands = strings.Replace(commands, clone, root, 1)
	var last []byte
	for command := range strings.Lines(commands) {
		words := strings.Fields(command)
		if len(words) == 0 || words[0] != "go" {
			t.Fatalf("the README says %q, want a go command", command)
		}
		c := exec.Command(words[0], words[1:]...)
		c.Dir, c.Env = outside, append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off")
		if last, err = c.Output(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.TrimSpace(command), err, stderr(err))
		}
	}
	if want := "[4 6 4 6 9 6 4 6 4]\n"; string(last) != want {
		t.Errorf("the README's program prints %q, want %q", last, want)
	}
}

// fenced returns the first block of a document that begins with open, and the text behind it.
func fenced(t *testing.T, text, open string) (block, after string) {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+open)
	block, after, closed := strings.Cut(rest, "\n```\n")
	if !found || !closed {
		t.Fatalf("no block %q in the README's section", strings.TrimSpace(open))
	}
	return block, after
}

func stderr(err error) []byte {
	if e, ok := err.(*exec.ExitError); ok {
		return e.Stderr
	}
	return nil
}
