package dsl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

// write puts files into a new folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestExtends(t *testing.T) {
	dir := write(t, map[string]string{
		"base.toml":     "name = \"original\"\n" + whole,
		"near.toml":     "extends = \"base.toml\"\n[shake]\nlevel = \"batch\"\n[[net.stage]]\nwidth = 8\nblocks = 3\n",
		"sub/far.toml":  "extends = \"../near.toml\"\n[train]\nlr = 0.5\n",
		"built.toml":    "extends = \"26-2x32d.toml\"\n[train]\nlr = 0.5\n",
		"quick.toml":    "extends = \"quick\"\nseed = 9\n",
		"26-2x64d.toml": "extends = \"base.toml\"\n",
		"shadow.toml":   "extends = \"26-2x64d.toml\"\n",
		"noending":      "extends = \"base.toml\"\n",
		"viadot.toml":   "extends = \"./noending\"\n",
	})
	load := func(name string) *Spec {
		t.Helper()
		s, err := builtin.Load(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	far := load("sub/far.toml")
	if far.Train.LR != 0.5 || far.Train.Batch != 128 || far.Shake.Level != Batch || far.Seed != 7 || far.Name != "far" {
		t.Errorf("have %+v", far)
	}
	if want := []Stage{{8, 3, 1, 0}}; !reflect.DeepEqual(far.Net.Stages, want) {
		t.Errorf("lists are replaced whole: have %v", far.Net.Stages)
	}
	if s := load("built.toml"); s.Train.LR != 0.5 || s.Train.Epochs != 1800 {
		t.Errorf("a built-in base: have %+v", s)
	}
	if s := load("quick.toml"); s.Seed != 9 || s.Data.Set != "synthetic" {
		t.Errorf("a built-in base of the same name: have %+v", s)
	}
	if s := load("shadow.toml"); s.Train.Epochs != 3 {
		t.Errorf("a file beside goes before a built-in network: have %+v", s)
	}
	if s := load("viadot.toml"); s.Train.Epochs != 3 {
		t.Errorf("a file without ending: have %+v", s)
	}
	if s := load("base.toml"); s.Name != "original" {
		t.Errorf("name: have %q", s.Name)
	}
}

func TestExtendsErrors(t *testing.T) {
	long := map[string]string{}
	for c := 'a'; c < 'z'; c++ {
		long["long/"+string(c)+".toml"] = "extends = \"" + string(c+1) + ".toml\"\n"
	}
	long["long/z.toml"] = whole
	dir := write(t, map[string]string{
		"self.toml":   "extends = \"self.toml\"\n",
		"x.toml":      "\nextends = \"y.toml\"\n",
		"y.toml":      "extends = \"./x.toml\"\n",
		"lost.toml":   "extends = \"quik\"\n",
		"broken.toml": "extends = \"bad.toml\"\n",
		"bad.toml":    "a = \n",
	})
	longDir := write(t, long)
	for _, c := range []struct{ file, want string }{
		{"self.toml", `D/self.toml:1:11: extends: want files that do not extend each other in a circle, have D/self.toml -> D/self.toml`},
		{"x.toml", `D/y.toml:1:11: extends: want files that do not extend each other in a circle, have D/x.toml -> D/y.toml -> D/x.toml`},
		{"lost.toml", `D/lost.toml:1:11: extends: want a file beside this one or a built-in network (NAMES), have "quik" (did you mean "quick"?)`},
		{"broken.toml", `D/bad.toml:1:5: a: expected value but found '\n' instead (give the key a value, or leave it out)`},
		{filepath.Join(longDir, "long/a.toml"), `D/long/p.toml:1:11: extends: want a chain of at most 16 files, have a longer one`},
	} {
		file := c.file
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		_, err := builtin.Load(file)
		if err == nil {
			t.Errorf("%s: no error", c.file)
			continue
		}
		have := strings.NewReplacer(dir, "D", longDir, "D", `\`, "/").Replace(err.Error())
		want := strings.NewReplacer(`\`, "/", "NAMES", strings.Join(builtin.Names(), ", ")).Replace(c.want)
		if have != want {
			t.Errorf("%s:\nwant %s\nhave %s", c.file, want, have)
		}
	}
}

// TestBuiltinErrors: a mistake in a built-in network is reported at its place too.
func TestBuiltinErrors(t *testing.T) {
	l := &Loader{Builtin: fstest.MapFS{
		"p.toml": {Data: []byte(strings.Replace(whole, "lr = 0.2", "lr = -2", 1))},
		"q.toml": {Data: []byte("extends = \"p\"\n")},
		"r.toml": {Data: []byte("extends = \"q\"\n[train]\nlr = 1\n")},
		"s.toml": {Data: []byte("extends = \"s\"\n")},
	}}
	for name, want := range map[string]string{
		"q": `builtin:p.toml:26:6: train.lr: want a number above 0, at most 100, have -2`,
		"r": `<nil>`,
		"s": `builtin:s.toml:1:11: extends: want files that do not extend each other in a circle, have builtin:s.toml -> builtin:s.toml`,
	} {
		s, err := l.Load(name)
		have := "<nil>"
		if err != nil {
			have = err.Error()
		} else if s.Name != name {
			t.Errorf("name %q", s.Name)
		}
		if have != want {
			t.Errorf("%s: want %s\nhave %s", name, want, have)
		}
	}
}

// TestNames: where a name is looked for.
func TestNames(t *testing.T) {
	t.Chdir(write(t, map[string]string{"a": "not a network", "quick.toml": whole, "mine": whole, "sub/x.toml": whole}))
	l := &Loader{Builtin: fstest.MapFS{"a.toml": {Data: []byte(whole)}, "quick.toml": {Data: []byte(whole + "[train.x]\n")}}}
	for _, name := range []string{"a", "a.toml", "quick.toml", "mine", "sub/x.toml", "./mine"} {
		if _, err := l.Load(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"sub", "sub/a.toml", "../a", "", ".toml", "x.toml"} {
		if _, err := l.Load(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, file := range map[string]string{"net": ".toml", "a-b": "x/..a b.toml", "config": `c:\runs\config.toml`, "26-2x32d": "builtin:26-2x32d.toml"} {
		if have := nameOf(file); have != name {
			t.Errorf("nameOf(%q) = %q, want %q", file, have, name)
		}
	}
}

func TestOverrides(t *testing.T) {
	for _, c := range []struct {
		over string
		have func(*Spec) any
		want any
	}{
		{"seed=3", func(s *Spec) any { return s.Seed }, uint64(3)},
		{" train.lr = 1e-1 ", func(s *Spec) any { return s.Train.LR }, 0.1},
		{"data.shuffle=false", func(s *Spec) any { return s.Data.Shuffle }, false},
		{"shake.forward=even", func(s *Spec) any { return s.Shake.Forward }, Even},
		{`shake.forward="even"`, func(s *Spec) any { return s.Shake.Forward }, Even},
		{"net.skip=none", func(s *Spec) any { return s.Net.Skip }, SkipNone},
		{"name=x_1.2", func(s *Spec) any { return s.Name }, "x_1.2"},
		{"net.stage[1].width=48", func(s *Spec) any { return s.Net.Stages }, []Stage{{48, 2, 1, 0}, {64, 1, 2, 0}}},
		{"net.stage=[{width=4,blocks=1}]", func(s *Spec) any { return s.Net.Stages }, []Stage{{4, 1, 1, 0}}},
		{"net.stem[1].out=8", func(s *Spec) any { return s.Net.Stem[0].Out }, 8},
		{"net.branch[2].conv=conv", nil, nil},
		{"net.branch[2]=conv5x5", func(s *Spec) any { return s.Net.Branch[1].R }, 5},
		{"net.branch[5]={conv='3x3', out=64, groups=2}", nil, nil},
		{"shake.range=[0.25, 0.75]", func(s *Spec) any { return s.Shake.Range }, [2]float64{0.25, 0.75}},
		{"shake.range[1]=0.5", nil, nil},
		{"train.warmup=[{epochs=1, lr=0.1}]", func(s *Spec) any { return s.Train.Warmup }, []Phase{{1, 0.1, false}}},
		{"train={lr=0.3, batch=64}", func(s *Spec) any { return []any{s.Train.LR, s.Train.Batch, s.Train.Epochs} }, []any{0.3, 64, 3}},
		{"data.mean[2]=100", func(s *Spec) any { return s.Data.Mean }, [3]float64{125.3, 100, 113.9}},
	} {
		s, err := builtin.Parse("x.toml", []byte(whole), c.over)
		if c.have == nil {
			if err == nil {
				t.Errorf("%s: no error", c.over)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.over, err)
		} else if have := c.have(s); !reflect.DeepEqual(have, c.want) {
			t.Errorf("%s: want %v, have %v", c.over, c.want, have)
		}
	}
	s, err := builtin.Parse("x.toml", []byte(whole), "seed=1", "seed=2", "train.lr=3")
	if err != nil || s.Seed != 2 || s.Train.LR != 3 {
		t.Errorf("the last one counts: %v %+v", err, s)
	}
}

func TestOverrideErrors(t *testing.T) {
	for _, c := range []struct{ over, want string }{
		{"train.lr=-1", `-o train.lr=-1: train.lr: want a number above 0, at most 100, have -1`},
		{"train.lr=fast", `-o train.lr=fast: train.lr: want a number above 0, at most 100, have "fast"`},
		{"train.ler=1", `-o train.ler=1: train.ler: want one of <train>, have "ler" (did you mean "lr"?)`},
		{"lr=1", `-o lr=1: lr: want one of name, extends, seed, net, shake, train, data, engine, have "lr" (did you mean "train.lr"?)`},
		{"shake.backward=bakward", `-o shake.backward=bakward: shake.backward: want "even", "shake", "keep", "m1", "m2", "m3", "m4", "m5" or "drop", have "bakward"`},
		{"train.lr", `-o train.lr: want key=value, have "train.lr" (such as train.lr=0.1)`},
		{"=1", `-o =1: want key=value, have "=1" (such as train.lr=0.1)`},
		{"train..lr=1", `-o train..lr=1: want a key such as train.lr or net.stage[1].width, have "train..lr"`},
		{"net.stage[0].width=1", `-o net.stage[0].width=1: net.stage[0].width: want an index from 1 on, have 0 (items count from 1)`},
		{"net.stage[3].width=1", `-o net.stage[3].width=1: net.stage: want an index up to 2, have 3`},
		{"net.stage[3]=1", `-o net.stage[3]=1: net.stage: want an index up to 2, have 3`},
		{"train.lr[1]=1", `-o train.lr[1]=1: train.lr: want a list to take an item of, have 0.2`},
		{"train.lr.x=1", `-o train.lr.x=1: train.lr: want a table to set x in, have 0.2`},
		{"net.branch[2].out=1", `-o net.branch[2].out=1: net.branch[2]: want a table to set out in, have "conv3x3"`},
		{"train.warmup[1].lr=1", `-o train.warmup[1].lr=1: train.warmup: want an index up to 0, have 1`},
		{"extends=quick", `-o extends=quick: extends: want a key other than extends, which only a file may have, have "extends=quick"`},
		{"seed=18446744073709551615", `-o seed=18446744073709551615: seed: want a number that fits, have "18446744073709551615" (an integer is at most 9223372036854775807)`},
		{"train.lr=2+2", `-o train.lr=2+2: train.lr: want a TOML value or a word, have "2+2" (write the number itself: nothing is computed)`},
		{"train.lr=[1", `-o train.lr=[1: train.lr: want a TOML value or a word, have "[1" (close the list with ])`},
		{"train.lr=", `-o train.lr=: train.lr: want a TOML value or a word, have "" (give the key a value, or leave it out)`},
		{"train.lr=1\nw=2", `-o train.lr=1 w=2: train.lr: want one value, have "1\nw=2"`},
		{"net.stage[2].width=33", `-o net.stage[2].width=33: net.stage[2].width: want an even number: each flow of a two-flow skip makes half of the channels, have 33`},
		{"train.replicas=256", `x.toml:24:9: train.batch: want at least one image for each of 256 replicas, have 128`},
	} {
		_, err := builtin.Parse("x.toml", []byte(whole), c.over)
		if err == nil {
			t.Errorf("%s: no error", c.over)
		} else if want := allNames.Replace(c.want); err.Error() != want {
			t.Errorf("%s:\nwant %s\nhave %s", c.over, want, err)
		}
	}
	_, err := builtin.Parse("x.toml", []byte(strings.Replace(whole, "batch = 128", "batch = 0", 1)), "seed=-1", "train.lr=", "data.crop=99")
	want := `x.toml:24:9: train.batch: want an integer from 1 to 65536, have 0
-o seed=-1: seed: want an integer of at least 0, have -1
-o train.lr=: train.lr: want a TOML value or a word, have "" (give the key a value, or leave it out)
-o data.crop=99: data.crop: want an integer from 0 to 16, have 99`
	if err == nil || err.Error() != want {
		t.Errorf("all at once:\nwant %s\nhave %v", want, err)
	}
}
