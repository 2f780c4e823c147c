package dsl

import (
	"strings"
	"testing"
)

// TestSlips writes common slips into a valid network, and expects the remedy at the end of the one
// error.
func TestSlips(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"seed = 7", "seed = 7 // the seed", "x.toml:1:9: (a comment begins with #)"},
		{"seed = 7", "// the seed", "x.toml:1:1: (a comment begins with #)"},
		{"lr = 0.2", "lr: 0.2", "x.toml:26:3: (write = between a key and its value)"},
		{"lr = 0.2", "lr 0.2", "x.toml:26:4: (write = between a key and its value)"},
		{"lr = 0.2", "lr", "x.toml:26:3: (write = between a key and its value)"},
		{"lr = 0.2", "lr == 0.2", "x.toml:26:5: (write one =)"},
		{"nesterov = true", "nesterov = True", "x.toml:29:12: (write true)"},
		{"flip = true", "flip = off", "x.toml:36:8: (write false)"},
		{"flip = true", "flip = None", "x.toml:36:8: (leave the key out)"},
		{`skip = "two-flow"`, "skip = two-flow", `x.toml:7:8: (write "two-flow", in quotes)`},
		{`skip = "two-flow"`, "skip = none", `x.toml:7:8: (write "none", in quotes)`},
		{`["relu", "avgpool"`, `["relu", avgpool`, `x.toml:8:17: (write "avgpool", in quotes)`},
		{`skip = "two-flow"`, "skip = “two-flow”", `x.toml:7:8: (write plain quotes, "")`},
		{`skip = "two-flow"`, `skip = "two-flow`, "x.toml:7:17: (close the text with its quote)"},
		{"weight_decay = 1e-4", "weight decay = 1e-4", "x.toml:30:8: (write weight_decay)"},
		{"lr = 0.2", "lr = .2", "x.toml:26:6: (write 0.2)"},
		{"lr = 0.2", "lr = 2.", "x.toml:26:6: (write 2.0)"},
		{"lr = 0.2", "lr = 0,2", "x.toml:26:7: (write a decimal point)"},
		{"epochs = 3", "epochs = 03", "x.toml:23:10: (write 3)"},
		{"epochs = 3", "epochs = 3,", "x.toml:23:11: (every key has a line of its own, without , or ; at its end)"},
		{"epochs = 3", "epochs = 3;", "x.toml:23:11: (every key has a line of its own, without , or ; at its end)"},
		{"seed = 7", "; the seed", "x.toml:1:1: (a comment begins with #)"},
		{"seed = 7", "/ the seed", "x.toml:1:1: (a comment begins with #)"},
		{"lr = 0.2", "lr = 0.2 / fast", "x.toml:26:9: (a comment begins with #)"},
		{"seed = 7", "seed = 7 ; the seed", "x.toml:1:9: (a comment begins with #)"},
		{"epochs = 3", "epochs = 3; # three", "x.toml:23:11: (every key has a line of its own, without , or ; at its end)"},
		{"lr = 0.2", "lr = 1e-", "x.toml:26:6: (an exponent has digits, such as 1e-4)"},
		{"lr = 0.2", "lr = 1e  # small", "x.toml:26:6: (an exponent has digits, such as 1e-4)"},
		{"lr = 0.2", "lr = 2+2", "x.toml:26:7: (write the number itself: nothing is computed)"},
		{"lr = 0.2", "lr = 1/2", "x.toml:26:7: (write the number itself: nothing is computed)"},
		{"batch = 128", "batch = 2 * 64", "x.toml:24:10: (write the number itself: nothing is computed)"},
		{"lr = 0.2", "lr = 0.2 warmup = []", "x.toml:26:9: (every key has a line of its own)"},
		{`skip = "two-flow"`, `skip = "none" after = []`, "x.toml:7:14: (every key has a line of its own)"},
		{"seed = 7", "seed = 18446744073709551615", "x.toml:1:8: (an integer is at most 9223372036854775807)"},
		{"lr = 0.2", "lr = 1e999", "x.toml:26:6: (a number is at most 1.8e308)"},
		{"[125.3, 123.0", "[125.3 123.0", "x.toml:34:15: (a comma belongs between two items)"},
		{"[125.3, 123.0, 113.9]", "(125.3, 123.0, 113.9)", "x.toml:34:8: (a list stands in [ ])"},
		{"crop = 4\n", "crop = [4", "x.toml:37:9: (close the list with ])"},
		{"[train]", "[train", "x.toml:22:7: train: (close the name with ])"},
		{"[[net.stage]]", "[[net.stage]", "x.toml:10:12: net.stage: (close the name with ]])"},
		{"lr = 0.2", "lr = 0.2\nbatch = 64", "x.toml:27:1: (the first one is in line 24)"},
		{"[data]", "[train]", "x.toml:32:2: (the first one is in line 22)"},
		{"[[net.stage]]", "[net.stage]", "x.toml:14:3: (write [[net.stage]] in line 10 too)"},
		{"[data]", "[[train]]", "x.toml:32:3: (the first one is in line 22)"},
		{"seed = 7", "seed = 7; extends = \"c\"", "x.toml:1:9: (every key has a line of its own)"},
		{whole[strings.Index(whole, "[[net.stage]]"):strings.Index(whole, "[shake]")], "[net.stage]\nwidth = 1\n[net.stage]\nwidth = 2\n", "x.toml:12:2: (write [[net.stage]] for every stage)"},
	} {
		text := strings.Replace(whole, c.from, c.to, 1)
		if text == whole {
			t.Fatalf("%q is not in the text", c.from)
		}
		_, err := builtin.Parse("x.toml", []byte(text))
		if err == nil {
			t.Errorf("%q: no error", c.to)
			continue
		}
		place, remedy, _ := strings.Cut(c.want, " (")
		if have := err.Error(); !strings.HasPrefix(have, place) || !strings.HasSuffix(have, " ("+remedy) || strings.Contains(have, "\n") {
			t.Errorf("%q:\nwant\t%s\nhave\t%s", c.to, c.want, have)
		}
	}
}

// TestShakeNames reads every name of the paper, in a file, over a base and as an override.
func TestShakeNames(t *testing.T) {
	names := shakeNames()
	if len(names) != 2*3*2+5 {
		t.Errorf("%d names: %v", len(names), names)
	}
	table := "[shake]\nforward = \"shake\"\nbackward = \"shake\"\n"
	for _, name := range names {
		files := map[string]string{
			"file": `shake = "` + name + "\"\n" + strings.Replace(whole, table, "", 1),
			"base": "extends = \"c\"\nshake = \"" + name + "\"\n",
		}
		for what, text := range files {
			overrides := []string{}
			if what == "base" && (strings.HasPrefix(name, "E-E") || strings.HasPrefix(name, "E-K")) {
				overrides = append(overrides, "shake.range=[0,1]") // the base has another
			}
			s, err := builtin.Parse("x.toml", []byte(text), overrides...)
			if err != nil {
				t.Fatalf("%s in a %s: %v", name, what, err)
			}
			want := name
			if name == "E-E-I" {
				want = "E-E-B"
			}
			if s.Shake.Label() != want {
				t.Errorf("%s in a %s: have %s", name, what, s.Shake.Label())
			}
			if what == "base" && s.Shake.Forward == Shaken && s.Shake.Range != [2]float64{0.4, 0.6} {
				t.Errorf("%s over a base: the range is %v", name, s.Shake.Range)
			}
		}
		s, err := builtin.Parse("x.toml", []byte(whole), "shake="+name, "shake.level=image")
		if err != nil || s.Shake.Level != Image {
			t.Errorf("-o shake=%s: %v, %+v", name, err, s)
		}
	}
	for over, want := range map[string]string{
		"shake=S-E-J": `-o shake=S-E-J: shake: want a table, or a name such as "S-S-I", have "S-E-J" (did you mean "S-E-I"?)`,
		"shake=7":     `-o shake=7: shake: want a table, or a name such as "S-S-I", have 7`,
	} {
		if _, err := builtin.Parse("x.toml", []byte(whole), over); err == nil || err.Error() != want {
			t.Errorf("want %s\nhave %v", want, err)
		}
	}
}
