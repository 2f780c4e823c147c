package nets

import (
	"strings"
	"testing"

	"shake/dsl"
)

// TestPublished asks for every row of Tables 1, 2 and 5 by the overrides that a person would type.
func TestPublished(t *testing.T) {
	const (
		ee = "shake.forward=even shake.backward=even"
		es = "shake.forward=even shake.backward=shake"
		sk = "shake.forward=shake shake.backward=keep"
		se = "shake.forward=shake shake.backward=even"
		ss = "shake.forward=shake shake.backward=shake"
	)
	seen := map[Row]bool{}
	for _, c := range []struct {
		net, modes, level string
		want              Row
	}{
		{"26-2x32d", ee, "image", Row{1, "26 2x32d", "E-E-B", 4.27, 3, false}},
		{"26-2x32d", ee, "batch", Row{1, "26 2x32d", "E-E-B", 4.27, 3, false}},
		{"26-2x32d", "shake.forward=even shake.backward=keep", "image", Row{1, "26 2x32d", "E-E-B", 4.27, 3, false}},
		{"26-2x32d", es, "batch", Row{1, "26 2x32d", "E-S-B", 4.44, 3, false}},
		{"26-2x32d", sk, "batch", Row{1, "26 2x32d", "S-K-B", 4.11, 3, false}},
		{"26-2x32d", se, "batch", Row{1, "26 2x32d", "S-E-B", 3.47, 3, false}},
		{"26-2x32d", ss, "batch", Row{1, "26 2x32d", "S-S-B", 3.67, 3, false}},
		{"26-2x32d", es, "image", Row{1, "26 2x32d", "E-S-I", 4.11, 3, false}},
		{"26-2x32d", sk, "image", Row{1, "26 2x32d", "S-K-I", 4.09, 3, false}},
		{"26-2x32d", se, "image", Row{1, "26 2x32d", "S-E-I", 3.47, 3, false}},
		{"26-2x32d", ss, "image", Row{1, "26 2x32d", "S-S-I", 3.55, 3, false}},
		{"26-2x64d", ee, "image", Row{1, "26 2x64d", "E-E-B", 3.76, 3, false}},
		{"26-2x64d", se, "batch", Row{1, "26 2x64d", "S-E-B", 3.30, 3, false}},
		{"26-2x64d", ss, "batch", Row{1, "26 2x64d", "S-S-B", 3.07, 3, false}},
		{"26-2x64d", se, "image", Row{1, "26 2x64d", "S-E-I", 3.20, 3, false}},
		{"26-2x64d", ss, "image", Row{1, "26 2x64d", "S-S-I", 2.98, 3, false}},
		{"26-2x96d", ee, "image", Row{1, "26 2x96d", "E-E-B", 3.58, 5, false}},
		{"26-2x96d", ss, "image", Row{1, "26 2x96d", "S-S-I", 2.86, 5, false}},
		{"resnext29", ee, "image", Row{2, "29 2x4x64d", "E-E-B", 16.34, 2, false}},
		{"resnext29", se, "image", Row{2, "29 2x4x64d", "S-E-I", 15.85, 3, false}},
		{"resnext29", ss, "image", Row{2, "29 2x4x64d", "S-S-I", 15.97, 1, false}},
		{"a", ee, "image", Row{5, "A 26 2x32d", "E-E-B", 4.84, 1, false}},
		{"a", se, "image", Row{5, "A 26 2x32d", "S-E-I", 4.05, 1, false}},
		{"a", ss, "image", Row{5, "A 26 2x32d", "S-S-I", 4.59, 1, false}},
		{"b", ee, "image", Row{5, "B 26 2x32d", "E-E-B", 5.17, 2, false}},
		{"b", se, "image", Row{5, "B 26 2x32d", "S-E-I", 5.09, 2, false}},
		{"b", ss, "image", Row{5, "B 26 2x32d", "S-S-I", 5.20, 2, false}},
		{"c", ee + " shake.range=[0,1]", "image", Row{5, "C 14 2x32d", "E-E-B", 9.65, 1, false}},
		{"c", se, "image", Row{5, "C 14 2x32d", "S-E-I", 8.7, 1, false}},
		{"c", se + " shake.range=[0.35,0.65]", "image", Row{5, "C 14 2x32d", "S-E-I", 7.73, 1, false}},
		{"c", se + " shake.range=[0.30,0.70]", "image", Row{5, "C 14 2x32d", "S-E-I", 0, 1, true}},
		{"26-2x64d", es, "image", Row{}},
		{"26-2x96d", se, "image", Row{}},
		{"resnext29", ss, "batch", Row{}},
		{"quick", ss, "image", Row{}},
		{"26-2x96d-cutout", ss, "image", Row{}},
		{"26-2x32d", ss + " data.erase=0.5", "image", Row{}},
		{"c", ss, "image", Row{}},
		{"c", se + " shake.range=[0,1]", "image", Row{}},
		{"26-2x32d", ss + " shake.range=[0.4,0.6]", "image", Row{}},
		{"26-2x32d", "shake.forward=shake shake.backward=m1", "image", Row{}},
		{"26-2x32d", ss + " net.branches=3", "image", Row{}},
		{"26-2x32d", ss + " net.stage[2].blocks=5", "image", Row{}},
		{"26-2x32d", ss + " data.set=cifar100", "image", Row{}},
	} {
		overrides := append(strings.Fields(c.modes), "shake.level="+c.level)
		s, err := Load(c.net, append(overrides, "name=other")...)
		if err != nil {
			t.Errorf("%s %v: %v", c.net, overrides, err)
			continue
		}
		row, ok := Published(s)
		if row != c.want || ok != (c.want != Row{}) {
			t.Errorf("%s %v: want %+v, have %+v (%v)", c.net, overrides, c.want, row, ok)
		}
		seen[row] = true
	}
	for _, f := range paper() {
		if !seen[f.Row] {
			t.Errorf("no test asks for %+v", f.Row)
		}
	}
}

// TestArchitectureIsWhatCounts: networks written in other ways have the figure too.
func TestArchitectureIsWhatCounts(t *testing.T) {
	wide, err := Load("26-2x32d", "net.stage[1].width=64", "net.stage[2].width=128", "net.stage[3].width=256", "train.epochs=2", "seed=5")
	if err != nil {
		t.Fatal(err)
	}
	if row, ok := Published(wide); !ok || row.Error != 2.98 {
		t.Errorf("have %+v", row)
	}
	bare, err := Load("26-2x32d", "net.skip=none", "shake.backward=even")
	if err != nil {
		t.Fatal(err)
	}
	if row, ok := Published(bare); !ok || row.Model != "A 26 2x32d" || row.Error != 4.05 {
		t.Errorf("have %+v", row)
	}
}

// TestRecipes holds the recipes of the paper and of its authors' code.
func TestRecipes(t *testing.T) {
	type recipe struct {
		epochs, batch, replicas, classes int
		lr, decay                        float64
	}
	cifar10 := recipe{1800, 128, 2, 10, 0.2, 1e-4}
	c := cifar10
	c.lr = 0.05
	for name, want := range map[string]recipe{
		"26-2x32d": cifar10, "26-2x64d": cifar10, "26-2x96d": cifar10, "a": cifar10, "b": cifar10, "c": c,
		"resnext29": {1800, 32, 2, 100, 0.025, 5e-4},
	} {
		s, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		tr := s.Train
		if have := (recipe{tr.Epochs, tr.Batch, tr.Replicas, s.Classes(), tr.LR, tr.WeightDecay}); have != want {
			t.Errorf("%s: want %+v, have %+v", name, want, have)
		}
		if tr.Momentum != 0.9 || !tr.Nesterov || tr.Schedule != "cosine" || !s.Data.Flip || s.Data.Crop != 4 || !s.Data.Augment || !s.Data.Shuffle || s.Data.TrainImages != 0 {
			t.Errorf("%s: have %+v %+v", name, tr, s.Data)
		}
		if warm := len(tr.Warmup) == 1 && tr.Warmup[0] == (dsl.Phase{Epochs: 1, LR: 0.025}); warm != (name == "c") {
			t.Errorf("%s: warm-up %+v", name, tr.Warmup)
		}
	}
}

// TestParameters counts parameters from the specification alone and holds them against the
// published sizes.
func TestParameters(t *testing.T) {
	for _, c := range []struct {
		net  string
		over []string
		want int
	}{
		{"26-2x32d", nil, 2923162},
		{"26-2x64d", nil, 11653978},
		{"26-2x96d", nil, 26192922},
		{"resnext29", nil, 34529700},
		{"resnext29", []string{"data.set=cifar10"}, 34437450},
		{"a", nil, 2911962},
		{"b", nil, 2911962},
		{"c", nil, 1356474},
	} {
		s, err := Load(c.net, c.over...)
		if err != nil {
			t.Fatal(err)
		}
		if have := parameters(s); have != c.want {
			t.Errorf("%s %v: %d parameters, want %d", c.net, c.over, have, c.want)
		}
	}
}

func parameters(s *dsl.Spec) int {
	total := 0
	list := func(ls []dsl.Layer, c, width int) int {
		for _, l := range ls {
			switch l.Kind {
			case dsl.Conv:
				out := l.Channels(width, c)
				total += c / l.GroupCount(width, c) * out * l.R * l.S
				c = out
			case dsl.BN:
				total += 2 * c
			}
		}
		return c
	}
	x := list(s.Net.Stem, 3, 0)
	for _, st := range s.Net.Stages {
		for b := range st.Blocks {
			for range s.Net.Branches {
				list(s.Net.Branch, x, st.Width)
			}
			if s.Net.Skip != dsl.SkipNone && (x != st.Width || b == 0 && st.Stride > 1) {
				total += x*st.Width + 2*st.Width
			}
			x = st.Width
		}
	}
	return total + x*s.Classes() + s.Classes()
}

func TestQuickIsSmall(t *testing.T) {
	s, err := Load("quick")
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range s.Net.Stages {
		if st.Width%16 != 0 {
			t.Errorf("width %d is no multiple of 16", st.Width)
		}
	}
	if s.Data.Set != "synthetic" {
		t.Errorf("data set %s", s.Data.Set)
	}
}
