package internal_test

import (
	"regexp"
	"strings"
	"testing"

	"shake/internal/exhaustive"
)

// pronouns are the words that stand in a comment where the name of a thing belongs. A question
// after a verb of saying or asking may begin with "what", as in "the error says what is missing",
// and "whatever" may stand in front of a noun.
var (
	pronouns = regexp.MustCompile(`(?i)(?:\b([a-z]+)\s+)?\b(what|whatever|who|whoever|whom|nobody|those\s+(?:that|which|who))\b`)
	asking   = regexp.MustCompile(`^(say|says|said|saying|tell|tells|told|ask|asks|asked|know|knows|known|show|shows)$`)
	noun     = regexp.MustCompile(`(?i)^whatever\s+(the|its|their|order)\b`)
	quoted   = regexp.MustCompile("\"[^\"\n]*\"|`[^`\n]*`")
	margin   = regexp.MustCompile(`(?m)^\s*(//|\*|/\*)|\*/$`)
)

// TestPronouns: subjects and objects of sentences in comments are things with names. It runs under
// make check, as TestCommentWidth does.
func TestPronouns(t *testing.T) {
	exhaustive.Only(t)
	eachCommented(t, func(name, text string, comments [][2]int) {
		for i := 0; i < len(comments); i++ {
			first, words := comments[i][0], ""
			for {
				words += margin.ReplaceAllString(text[comments[i][0]:comments[i][1]], "") + "\n"
				if i+1 == len(comments) || strings.Trim(text[comments[i][1]:comments[i+1][0]], " \t") != "\n" {
					break
				}
				i++ // the next line of the same comment
			}
			words = quoted.ReplaceAllString(words, "Q")
			for _, m := range pronouns.FindAllStringSubmatchIndex(words, -1) {
				if noun.MatchString(words[m[4]:]) || words[m[4]:m[5]] == "what" && m[2] >= 0 && asking.MatchString(words[m[2]:m[3]]) {
					continue
				}
				line := 1 + strings.Count(text[:first], "\n") + strings.Count(words[:m[4]], "\n")
				t.Errorf("%s:%d: %q: name the thing", name, line, strings.Join(strings.Fields(words[m[0]:min(len(words), m[1]+30)]), " "))
			}
		}
	})
}
