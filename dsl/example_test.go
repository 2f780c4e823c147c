package dsl_test

import (
	"errors"
	"fmt"
	"testing/fstest"

	"shake/dsl"
)

// tiny is a network file with everything that has no default.
const tiny = `
[net]
stem     = [{ conv = "3x3", out = 16 }, "bn"]
branch   = ["relu", "conv3x3", "bn"]
branches = 2
skip     = "two-flow"
head     = ["relu", "avgpool", "linear"]

[[net.stage]]
width  = 32
blocks = 2

[shake]
forward  = "shake"
backward = "shake"

[train]
epochs       = 10
batch        = 128
replicas     = 2
lr           = 0.2
schedule     = "cosine"
momentum     = 0.9
nesterov     = true
weight_decay = 1e-4

[data]
set  = "cifar10"
mean = [125.3, 123.0, 113.9]
std  = [63.0, 62.1, 66.7]
flip = true
crop = 4
`

// A name is a file or one of Builtin; overrides are laid over it.
func ExampleLoader_Load() {
	loader := dsl.Loader{Builtin: fstest.MapFS{"tiny.toml": {Data: []byte(tiny)}}}
	spec, err := loader.Load("tiny", "train.lr=0.05", "shake.backward=even")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(spec.Name, spec.Net.Stages[0].Width, spec.Train.LR, spec.Shake.Label())
	// Output: tiny 32 0.05 S-E-I
}

// Mistakes are reported all at once, each with its place and, where one is near, a guess.
func ExampleErrors() {
	loader := dsl.Loader{Builtin: fstest.MapFS{"tiny.toml": {Data: []byte(tiny)}}}
	_, err := loader.Load("tiny", "train.epoch=3", "shake.backward=shaken")
	var mistakes dsl.Errors
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			fmt.Println(m.Key, m.Have, m.Hint)
		}
	}
	// Output:
	// train.epoch "epoch" did you mean "epochs"?
	// shake.backward "shaken" did you mean "shake"?
}
