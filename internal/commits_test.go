package internal_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// since is the last commit before this test; subjects up to it are of many forms.
const since = "bfb60af00a0e95a4bd595ebd7839b7e3b88e33cd"

// TestCommitSubjects: the subject of a commit is as CONTRIBUTING.md says.
func TestCommitSubjects(t *testing.T) {
	for subject, good := range map[string]bool{
		"csrc/cpu: split the plan of a convolution":   true,
		"docs, bench: say which processor it was":     true,
		"csrc/cpu: the plan is split":                 false,
		"csrc/cpu: splitting of the plan":             false,
		"csrc/cpu: plan's split; words":               false,
		"split the plan of a convolution":             false,
		"csrc/cpu: 3 plans":                           false,
		"docs: " + strings.Repeat("say it again ", 6): false,
	} {
		if fault := subjectFault(subject); (fault == "") != good {
			t.Errorf("%q: have fault %q", subject, fault)
		}
	}
	out, err := exec.Command("git", "log", "--no-merges", "--format=%h %s", since+"..HEAD").Output()
	if err != nil {
		t.Skipf("no history here that has %.12s: %v", since, err)
	}
	for line := range strings.Lines(string(out)) {
		hash, subject, _ := strings.Cut(strings.TrimSpace(line), " ")
		if fault := subjectFault(subject); fault != "" {
			t.Errorf("commit %s: %q: %s", hash, subject, fault)
		}
	}
}

var (
	subjectForm = regexp.MustCompile(`^[a-z.][a-z0-9./_-]*(, [a-z.][a-z0-9./_-]*)*: [a-z][a-z-]* \S`)
	noVerb      = regexp.MustCompile(`^(a|an|the|how|what|where|when|which|who|why|it|this|that|these|those|each|every|all|no|some|one|two|three|of|in|on|at|with|without|for|and|[a-z-]*(ing|ed|tion|ness))$`)
	verbs       = regexp.MustCompile(`^(bring|embed|feed|need|mention|speed|string)$`) // that end so
)

// subjectFault says what is wrong with a commit's subject; "": nothing that can be seen without
// knowing its words.
func subjectFault(s string) string {
	room, rest, _ := strings.Cut(s, ": ")
	verb, _, _ := strings.Cut(rest, " ")
	switch {
	case utf8.RuneCountInString(s) > 72:
		return "more than 72 columns"
	case strings.Contains(s, ";"):
		return "two changes: make two commits of them"
	case !subjectForm.MatchString(s):
		return "want room: imperative"
	case noVerb.MatchString(verb) && !verbs.MatchString(verb):
		return "want a verb in the imperative behind " + room + ":"
	}
	return ""
}
