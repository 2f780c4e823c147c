package dsl

// Classes is the number of classes of the data set.
func (s *Spec) Classes() int {
	if s.Data.Set == "cifar100" {
		return 100
	}
	return 10
}

// Label names the regularization as the paper does, forward-backward-level: "S-S-I", "S-E-B",
// "S-M1-I". Where both passes are even the level says nothing and the paper's tables write "E-E-B".
func (s Shake) Label() string {
	letters := [...]string{Even: "E", Shaken: "S", Keep: "K", M1: "M1", M2: "M2", M3: "M3", M4: "M4", M5: "M5"}
	level := "-I"
	if s.Level == Batch || s.Forward == Even && s.Backward == Even {
		level = "-B"
	}
	return letters[s.Forward] + "-" + letters[s.Backward] + level
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
