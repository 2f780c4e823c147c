package dsl

import (
	"os"
	"reflect"
	"testing"
)

// builtin is a loader with the networks of the project.
var builtin = &Loader{Builtin: os.DirFS("../nets")}

// whole is a valid network that the tables of mistakes change in one place.
const whole = `seed = 7

[net]
stem = [{ conv = "3x3", out = 16 }, "bn"]
branch = ["relu", "conv3x3", "bn", "relu", "conv3x3", "bn"]
branches = 2
skip = "two-flow"
head = ["relu", "avgpool", "linear"]

[[net.stage]]
width = 32
blocks = 2

[[net.stage]]
width = 64
blocks = 1

[shake]
forward = "shake"
backward = "shake"

[train]
epochs = 3
batch = 128
replicas = 2
lr = 0.2
schedule = "cosine"
momentum = 0.9
nesterov = true
weight_decay = 1e-4

[data]
set = "cifar10"
mean = [125.3, 123.0, 113.9]
std = [63.0, 62.1, 66.7]
flip = true
crop = 4
`

func TestParseWhole(t *testing.T) {
	s, err := builtin.Parse("dir/my net.toml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	conv := func(takes bool) Layer {
		return Layer{Kind: Conv, R: 3, S: 3, Groups: 1, Stride: 1, TakesStride: takes, Pad: 1}
	}
	want := &Spec{
		Name: "my-net", Seed: 7,
		Net: Net{
			Stem:     []Layer{{Kind: Conv, R: 3, S: 3, Out: 16, Groups: 1, Stride: 1, Pad: 1}, {Kind: BN}},
			Stages:   []Stage{{32, 2, 1, 0}, {64, 1, 2, 0}},
			Branch:   []Layer{{Kind: ReLU}, conv(true), {Kind: BN}, {Kind: ReLU}, conv(false), {Kind: BN}},
			Branches: 2,
			Skip:     SkipTwoFlow,
			Head:     []Layer{{Kind: ReLU}, {Kind: AvgPool}, {Kind: Linear}},
		},
		Shake:  Shake{Forward: Shaken, Backward: Shaken, Level: Image, Range: [2]float64{0, 1}, BackwardRange: [2]float64{0, 1}, Gate: 0.5},
		Train:  Train{Epochs: 3, Batch: 128, Replicas: 2, LR: 0.2, Schedule: "cosine", Factor: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 1e-4, CheckpointEvery: 1, EvalEvery: 1},
		Data:   Data{Set: "cifar10", Size: 32, Channels: 3, Mean: [3]float64{125.3, 123, 113.9}, Std: [3]float64{63, 62.1, 66.7}, Flip: true, Crop: 4, Augment: true, Shuffle: true, Split: "last"},
		Engine: Engine{Conv: "auto", Precision: "auto", Deterministic: true},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("want %+v\nhave %+v", want, s)
	}
}

func TestConvForms(t *testing.T) {
	for _, c := range []struct {
		name, branch string
		want         []Layer
	}{
		{"even kernel, pad rounded down", `["conv2x2", { conv = "2x2", pad = 1 }]`,
			[]Layer{{R: 2, S: 2, Groups: 1, Stride: 1, TakesStride: true}, {R: 2, S: 2, Groups: 1, Stride: 1, Pad: 1}}},
		{"the conv that says so takes the stride", `["conv1x1", { conv = "3x3", groups = 4, stride = true }, "conv1x1"]`,
			[]Layer{{R: 1, S: 1, Groups: 1, Stride: 1}, {R: 3, S: 3, Groups: 4, Stride: 1, TakesStride: true, Pad: 1}, {R: 1, S: 1, Groups: 1, Stride: 1}}},
		{"the first conv without a number takes it", `[{ conv = "1x1", stride = 1, out = 8 }, "conv3x3", "conv3x3"]`,
			[]Layer{{R: 1, S: 1, Out: 8, Groups: 1, Stride: 1}, {R: 3, S: 3, Groups: 1, Stride: 1, TakesStride: true, Pad: 1}, {R: 3, S: 3, Groups: 1, Stride: 1, Pad: 1}}},
		{"kernel of unequal sides", `[{ conv = "5x3", pad = 2 }, { conv = "1x3", pad = 0 }]`,
			[]Layer{{R: 5, S: 3, Groups: 1, Stride: 1, TakesStride: true, Pad: 2}, {R: 1, S: 3, Groups: 1, Stride: 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := builtin.Parse("x.toml", []byte(whole), "net.skip=none", "net.branch="+c.branch)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(s.Net.Branch, c.want) {
				t.Errorf("want %+v\nhave %+v", c.want, s.Net.Branch)
			}
		})
	}
}

func TestClassesAndLabels(t *testing.T) {
	for set, want := range map[string]int{"cifar10": 10, "cifar100": 100, "synthetic": 10} {
		if have := (&Spec{Data: Data{Set: set}}).Classes(); have != want {
			t.Errorf("%s: %d classes, want %d", set, have, want)
		}
	}
	for _, c := range []struct {
		have Shake
		want string
	}{
		{Shake{Forward: Shaken, Backward: Shaken, Level: Image}, "S-S-I"},
		{Shake{Forward: Shaken, Backward: Keep, Level: Batch}, "S-K-B"},
		{Shake{Forward: Even, Backward: Shaken, Level: Image}, "E-S-I"},
		{Shake{Forward: Even, Backward: Even, Level: Image}, "E-E-B"},
		{Shake{Forward: Shaken, Backward: M3, Level: Image}, "S-M3-I"},
	} {
		if have := c.have.Label(); have != c.want {
			t.Errorf("%+v: %s, want %s", c.have, have, c.want)
		}
	}
	if have := Mode(99).String(); have != "?" {
		t.Errorf("unknown mode prints %q", have)
	}
}
