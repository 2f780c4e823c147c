package dsl

import (
	"slices"
	"strconv"
	"strings"
)

// Classes is the number of classes of the data set.
func (s *Spec) Classes() int {
	switch s.Data.Set {
	case "cifar100":
		return 100
	case "images":
		return s.Data.Count
	}
	return 10
}

// Label names the regularization as the paper does, forward-backward-level: "S-S-I", "S-E-B",
// "S-M1-I". Where both passes are even the level says nothing and the paper's tables write "E-E-B".
func (s Shake) Label() string {
	level := Image
	if s.Level == Batch || s.Forward == Even && s.Backward == Even {
		level = Batch
	}
	return modeLetters[s.Forward] + "-" + modeLetters[s.Backward] + "-" + levelLetters[level]
}

// The paper's letters, at the index of their constants.
var (
	modeLetters  = []string{Even: "E", Shaken: "S", Keep: "K", M1: "M1", M2: "M2", M3: "M3", M4: "M4", M5: "M5", Drop: "D"}
	levelLetters = []string{Image: "I", Batch: "B"}
)

// shakeNames are the paper's names of the tables that [shake] may be.
func shakeNames() []string {
	var names []string
	for _, f := range modeLetters[:2] {
		for b, backward := range modeLetters {
			for _, level := range levelLetters {
				if Mode(b) < M1 || Mode(b) <= M5 && f == modeLetters[Shaken] && level == levelLetters[Image] {
					names = append(names, f+"-"+backward+"-"+level)
				}
			}
		}
	}
	return names
}

// expandShake puts the table that a name of the paper stands for in the name's place: "S-E-I" is
// { forward = "shake", backward = "even", level = "image" }. Another value stays as it is.
func expandShake(n *node) *node {
	name, _ := n.value.(string)
	if !slices.Contains(shakeNames(), name) {
		return n
	}
	letters := strings.Split(name, "-")
	t := table{}
	set := func(key string, words, of []string, letter string) {
		w := words[slices.Index(of, letter)]
		t[key] = &node{value: w, at: n.at, keyAt: n.keyAt, raw: strconv.Quote(w)}
	}
	set("forward", modeWords, modeLetters, letters[0])
	set("backward", modeWords, modeLetters, letters[1])
	set("level", levelWords, levelLetters, letters[2])
	return &node{value: t, at: n.at, keyAt: n.keyAt, raw: n.raw}
}

// The String methods return the words of the language.

func (k LayerKind) String() string { return wordOf(layerWords, int(k)) }
func (k SkipKind) String() string  { return wordOf(skipWords, int(k)) }
func (m Mode) String() string      { return wordOf(modeWords, int(m)) }
func (l Level) String() string     { return wordOf(levelWords, int(l)) }

func wordOf(words []string, i int) string {
	if i < 0 || i >= len(words) {
		return "?"
	}
	return words[i]
}
