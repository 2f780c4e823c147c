package internal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// makefile copies the Makefile to a folder of its own and returns a function that runs make there,
// with variables set.
func makefile(t *testing.T) (dir string, run func(args ...string) (string, error)) {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "outer", "shake")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, func(args ...string) (string, error) {
		c := exec.Command("make", append([]string{"-C", dir, "--no-print-directory"}, args...)...)
		c.Env = append(os.Environ(), "MAKEFLAGS=", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CEILING_DIRECTORIES="+filepath.Dir(filepath.Dir(dir)))
		b, err := c.CombinedOutput()
		return string(b), err
	}
}

// TestMakeNeeds: a missing tool of the build is said in one line.
func TestMakeNeeds(t *testing.T) {
	dir, run := makefile(t)
	script := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, c := range []struct{ name, tool, want string }{
		{"no Go", filepath.Join(dir, "nowhere"), "make: no Go here"},
		{"an old Go", script("old", `echo go version go1.19.8 linux/amd64`), "make: go version go1.19.8 linux/amd64 is too old: install Go 1.26"},
		{"no C compiler", script("nocc", `case "$1 $2" in "env CC") echo nowhere-cc -m64;; "env "*) echo 0;; *) echo go version go1.26.8 linux/amd64;; esac`), "make: no C compiler here (looked for 'nowhere-cc -m64')"},
		{"no cgo", script("nocgo", `case "$1 $2" in "env CC") echo sh;; "env "*) echo 0;; *) echo go version go1.26.8 linux/amd64;; esac`), "make: CGO_ENABLED=0"},
		{"a Go to come", script("next", `case "$1 $2" in "env CC") echo sh;; "env "*) echo 1;; *) echo go version devel go1.27-abc linux/amd64;; esac`), ""},
	} {
		out, err := run("needs", "GO="+c.tool)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if c.want == "" && (err != nil || strings.TrimSpace(out) != "") || c.want != "" && (err == nil || !strings.HasPrefix(lines[0], c.want) || len(lines) > 2) { // the second line is make's own
			t.Errorf("%s: have %q, %v", c.name, out, err)
		}
	}
}

// TestMakeFormat: without a file that git knows, make format and make lint say so and fail, and no
// tool reads standard input.
func TestMakeFormat(t *testing.T) {
	_, run := makefile(t)
	for _, target := range []string{"format", "lint"} {
		out, err := run("-o", "build", "-o", "build/format/.installed", "GO=true", target)
		if err == nil || !strings.Contains(out, "make "+target+": git knows no Go files here") || strings.Contains(out, "standard input") {
			t.Errorf("%s: have %q, %v", target, out, err)
		}
	}
}

// TestMakeCommit: the commit that is built in is that of the folder's own repository, and never
// that of one around it.
func TestMakeCommit(t *testing.T) {
	dir, run := makefile(t)
	git := func(in string, args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", in, "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			t.Skipf("git %v: %v: %s", args, err, out)
		}
	}
	commit := func() string {
		out, _ := run("-pn", "help")
		for line := range strings.Lines(out) {
			if v, ok := strings.CutPrefix(line, "COMMIT :="); ok {
				return strings.TrimSpace(v)
			}
		}
		t.Fatalf("no COMMIT in %.200s", out)
		return ""
	}
	if have := commit(); have != "" {
		t.Errorf("without a repository: %q", have)
	}
	outer := filepath.Dir(dir)
	git(outer, "init", "-q")
	git(outer, "add", "-A")
	git(outer, "commit", "-q", "-m", "outer")
	if have := commit(); have != "" {
		t.Errorf("inside another repository: %q", have)
	}
	git(dir, "init", "-q")
	git(dir, "add", "-A")
	git(dir, "commit", "-q", "-m", "inner")
	if have := commit(); len(have) != 12 {
		t.Errorf("in its own repository: %q", have)
	}
	if os.Getuid() != 0 {
		return
	}
	if err := exec.Command("chown", "-R", "12345", dir).Run(); err != nil {
		t.Skip(err)
	}
	if have := commit(); have != "" {
		t.Errorf("of another owner: %q", have)
	}
}
