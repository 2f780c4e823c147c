package dsl

import (
	"math"
	"strings"
)

// kind is the type of a value of the language.
type kind int

const (
	integer      kind = iota // into *int or *uint64
	number                   // an integer or a float, into *float64
	boolean                  // into *bool
	word                     // one of key.words, into *string or a type that is the word's index
	text                     // into *string
	numbers                  // a list of as many numbers as the array pointed to has items
	anyNumbers               // a list of any number of them, into *[]float64
	texts                    // a list of texts, into *[]string
	integers                 // a list of integers, into *[]uint64
	sized                    // an integer or "4w", "w/4", "in", "in/2", into a size
	kernel                   // "3x3", into the R and S of a *Layer
	stride                   // true or an integer, into the Stride and TakesStride of a *Layer
	layers                   // a list of layers, into *[]Layer
	wordOrLayers             // one of key.words, or a list of layers of key.items, into a *Net
	rising                   // an integer, or a list of two, the smaller first, into a *Stage
	subtable                 // key.keys, into the same value as its own table
	subtables                // a list of tables, into a slice
)

// key declares one key: the parser, the writer, the JSON Schema, docs/language.md and the guesses
// in errors all read this.
type key struct {
	name     string
	kind     kind
	min, max float64  // bounds of integer, number, numbers, sized and stride
	above    bool     // min itself is too small
	below    bool     // max itself is too large
	words    []string // of a word, the kinds of layer in layers, and the names of subtables
	items    []string // the kinds of layer in wordOrLayers
	least    int      // items that layers and subtables need
	def      string   // default as TOML; required if this and absent are empty
	absent   string   // the meaning of a missing key, if no value has that meaning
	doc      string
	keys     []key
	field    func(any) any    // pointer to the field, from a pointer to the struct
	follows  func(*Spec) bool // of a key that follows another where it is absent: whether it does
}

func (k key) required() bool { return k.def == "" && k.absent == "" && k.kind != subtable }

// in makes key.field from a typed function.
func in[T, F any](f func(*T) *F) func(any) any {
	return func(p any) any { return f(p.(*T)) }
}

// The words of SkipKind, Mode, Level and LayerKind stand at the index of their constants.
var (
	skipWords      = []string{SkipNone: "none", SkipIdentity: "identity", SkipConv: "conv", SkipTwoFlow: "two-flow", SkipConcat: "concat"}
	modeWords      = []string{Even: "even", Shaken: "shake", Keep: "keep", M1: "m1", M2: "m2", M3: "m3", M4: "m4", M5: "m5", Drop: "drop"}
	levelWords     = []string{Image: "image", Batch: "batch"}
	layerWords     = []string{Conv: "conv", BN: "bn", ReLU: "relu", AvgPool: "avgpool", Linear: "linear", MaxPool: "maxpool", Widen: "widen", Dropout: "dropout"}
	scheduleWords  = []string{"cosine", "step", "constant"}
	setWords       = []string{"cifar10", "cifar100", "synthetic", "images"}
	splitWords     = []string{"last", "random"}
	convWords      = []string{"auto", "direct"}
	precisionWords = []string{"auto", "fp32", "tf32", "bf16", "fp16"}
)

// language is every key, in the order in which a resolved file is written.
var language = []key{
	{name: "name", kind: text, absent: "the file's name without `.toml`", field: in(func(s *Spec) *string { return &s.Name }),
		doc: "Name of the network in tables and run directories: letters, digits, `.`, `_` and `-`. It is not inherited through `extends`."},
	{name: "extends", kind: text, absent: "the file stands alone",
		doc: "Network to start from: a file, relative to this one, or the name of a built-in network. Tables are merged key by key; lists and values are replaced whole."},
	{name: "seed", kind: integer, min: 0, max: math.Inf(1), def: "1", field: in(func(s *Spec) *uint64 { return &s.Seed }),
		doc: "Key of every random number of the run: weights, shuffle, augmentation and draws."},
	{name: "net", kind: subtable, keys: netKeys, doc: "The architecture."},
	{name: "shake", kind: subtable, keys: shakeKeys, words: shakeNames(), doc: "The regularization: how the branches are scaled. The paper's name for it, such as `\"S-E-I\"`, may stand for the table's `forward`, `backward` and `level`."},
	{name: "train", kind: subtable, keys: trainKeys, doc: "The recipe."},
	{name: "data", kind: subtable, keys: dataKeys, doc: "The data set and its augmentation."},
	{name: "engine", kind: subtable, keys: engineKeys, doc: "How the device computes; nothing here changes the experiment."},
}

var netKeys = []key{
	{name: "stem", kind: layers, words: []string{"convRxS", "bn", "relu", "maxpoolRxS", "avgpoolRxS"}, least: 1, field: in(func(s *Spec) *[]Layer { return &s.Net.Stem }),
		doc: "Layers before the first stage; every conv says its `out`. The input is 3×32×32, or that of `data.size` and `data.channels`."},
	{name: "transition", kind: layers, words: []string{"convRxS", "bn", "relu", "maxpoolRxS", "avgpoolRxS"}, def: "[]", field: in(func(s *Spec) *[]Layer { return &s.Net.Transition }),
		doc: "Layers in front of every stage but the first. They take the stage's stride, and all of its blocks have stride 1."},
	{name: "before", kind: layers, words: []string{"bn", "relu"}, def: "[]", field: in(func(s *Spec) *[]Layer { return &s.Net.Before }),
		doc: "Layers that a block has once, in front of all its branches and, where it changes the shape, of its skip: `[\"bn\", \"relu\"]` in pre-activation networks."},
	{name: "branch", kind: layers, words: []string{"convRxS", "bn", "relu", "maxpoolRxS", "avgpoolRxS", "dropout"}, least: 1, field: in(func(s *Spec) *[]Layer { return &s.Net.Branch }),
		doc: "Layers of one branch of a block. A conv's `out` is the stage's width unless it says another; the last one must end in the stage's width."},
	{name: "branches", kind: integer, min: 1, max: 64, field: in(func(s *Spec) *int { return &s.Net.Branches }),
		doc: "Number of branches of a block, each with weights of its own."},
	{name: "skip", kind: wordOrLayers, words: skipWords, items: []string{"convRxS", "bn", "relu", "maxpoolRxS", "avgpoolRxS", "widen"}, field: in(func(s *Spec) *Net { return &s.Net }),
		doc: "Skip connection of a block that changes the shape: a list of layers, or `two-flow` (ReLU, two shifted 1x1 convs concatenated, BN), `conv` (`[\"conv1x1\", \"bn\"]`), or `identity` if no block changes it. Where the shape stays the skip is the identity. `none`: no block has a skip. `concat`: the sum of the branches is not added to a block's input but stands behind its channels."},
	{name: "after", kind: layers, words: []string{"relu"}, def: "[]", field: in(func(s *Spec) *[]Layer { return &s.Net.After }),
		doc: "Layers after the sum of a block: `[]` or `[\"relu\"]`."},
	{name: "head", kind: layers, words: []string{"relu", "bn", "avgpool", "linear"}, least: 2, field: in(func(s *Spec) *[]Layer { return &s.Net.Head }),
		doc: "Layers after the last stage: any `relu` and `bn`, then `avgpool`, then `linear`."},
	{name: "stage", kind: subtables, keys: stageKeys, least: 1, field: in(func(s *Spec) *[]Stage { return &s.Net.Stages }),
		doc: "One table a stage, first to last."},
}

var stageKeys = []key{
	{name: "width", kind: rising, min: 1, max: maxChannels, field: in(func(s *Stage) *Stage { return s }),
		doc: "Channels of a block's output, or those that it adds with `skip = \"concat\"`, and of every conv in its branches that does not say otherwise. `[16, 64]`: rises evenly from the first block to the last."},
	{name: "blocks", kind: integer, min: 1, max: 1000, field: in(func(s *Stage) *int { return &s.Blocks }),
		doc: "Number of blocks."},
	{name: "stride", kind: integer, min: 1, max: 2, absent: "1 in the first stage, 2 in the others", field: in(func(s *Stage) *int { return &s.Stride }),
		doc: "Stride of the stage's transition, or of its first block where there is none; 2 halves the map."},
}

var convKeys = []key{
	{name: "conv", kind: kernel, field: in(func(l *Layer) *Layer { return l }),
		doc: "Kernel, height by width, each from 1 to 32: `\"3x3\"`. The word `\"conv3x3\"` is short for `{ conv = \"3x3\" }`. No conv has a bias."},
	{name: "out", kind: sized, min: 1, max: maxChannels, absent: "the stage's width; needed in a stem", field: in(func(l *Layer) *size { return &size{&l.Out, &l.OutUnit} }),
		doc: "Output channels: a number, or a multiple or a part of w, the stage's width, or of the layer's input."},
	{name: "groups", kind: sized, min: 1, max: maxChannels, def: "1", field: in(func(l *Layer) *size { return &size{&l.Groups, &l.GroupsUnit} }),
		doc: "Groups, said likewise; they divide the input and the output channels. `\"in\"`: a depthwise conv."},
	{name: "stride", kind: stride, min: 1, max: 8, absent: "the stage's for the first conv or pool without a number of a branch, skip or transition, if none says `true`; else 1", field: in(func(l *Layer) *Layer { return l }),
		doc: "`true`: takes the stage's stride in the first block of a stage (one conv or pool of a branch or skip), or in a transition. A number: that stride in every block."},
	{name: "pad", kind: integer, min: 0, max: 31, absent: "(height - 1) / 2, rounded down", field: in(func(l *Layer) *int { return &l.Pad }),
		doc: "Rows and columns of zeros on every side."},
}

// poolKeys are those of a layer of that kind.
func poolKeys(kind string) []key {
	return []key{
		{name: kind, kind: kernel, field: in(func(l *Layer) *Layer { return l }),
			doc: "Window, height by width, each from 1 to 32: `\"2x2\"`. The word `\"" + kind + "2x2\"` is short for `{ " + kind + " = \"2x2\" }`."},
		{name: "stride", kind: stride, min: 1, max: 8, absent: "the stage's as for a conv; else the window's height", field: in(func(l *Layer) *Layer { return l }),
			doc: "As a conv's; with `true` the layer is left out of the blocks whose stride is 1."},
		{name: "pad", kind: integer, min: 0, max: 16, def: "0", field: in(func(l *Layer) *int { return &l.Pad }),
			doc: "Rows and columns on every side, at most half of the window: zeros to a mean, nothing to a maximum."},
	}
}

var dropoutKeys = []key{
	{name: "dropout", kind: number, min: 0, max: 1, above: true, below: true, field: in(func(l *Layer) *float64 { return &l.Rate }),
		doc: "Probability of each number of the map to become 0 in training; the others are divided by one minus it."},
}

var shakeKeys = []key{
	{name: "forward", kind: word, words: []string{"even", "shake", "drop"}, field: in(func(s *Spec) *Mode { return &s.Shake.Forward }),
		doc: "Coefficients of the forward pass: `even` (one over the number of branches), `shake` (a fresh draw) or `drop` (ShakeDrop: 1 where a gate is open, else a fresh draw)."},
	{name: "backward", kind: word, words: modeWords, field: in(func(s *Spec) *Mode { return &s.Shake.Backward }),
		doc: "Coefficients of the backward pass: `even`, `shake`, `keep` (the forward pass's), or `m1` to `m5` (made from the forward pass's as in the paper's Table 4; two branches and level `image`). With a forward pass of `drop`: `drop` or `keep`."},
	{name: "level", kind: word, words: levelWords, def: `"image"`, field: in(func(s *Spec) *Level { return &s.Shake.Level }),
		doc: "The images of a draw: one `image`, or the `batch` of a replica."},
	{name: "range", kind: numbers, min: -1, max: 1, def: "[0.0, 1.0]", field: in(func(s *Spec) *[2]float64 { return &s.Shake.Range }),
		doc: "Interval of a draw, low end included; another than `[0.0, 1.0]` needs two branches, and ends below 0 need `drop`."},
	{name: "backward_range", kind: numbers, min: -1, max: 1, absent: "`range`", field: in(func(s *Spec) *[2]float64 { return &s.Shake.BackwardRange }),
		follows: func(s *Spec) bool { return s.Shake.BackwardRange == s.Shake.Range },
		doc:     "Interval of the backward pass's draw with `drop`."},
	{name: "gate", kind: number, min: 0, max: 1, def: "0.5", field: in(func(s *Spec) *float64 { return &s.Shake.Gate }),
		doc: "With `drop`, the probability that a gate of the last block is open; it falls linearly to this from 1 in front of the first."},
}

// maxEpochs keeps the steps of a run on 50000 images below 2^32, in batches of one too: the draws
// number steps with 32 bits. Larger sets are held to that before they train.
const maxEpochs = 50000

var trainKeys = []key{
	{name: "epochs", kind: integer, min: 1, max: maxEpochs, field: in(func(s *Spec) *int { return &s.Train.Epochs }),
		doc: "Passes over the training set."},
	{name: "batch", kind: integer, min: 1, max: 65536, field: in(func(s *Spec) *int { return &s.Train.Batch }),
		doc: "Images of one step, over all replicas."},
	{name: "replicas", kind: integer, min: 1, max: 1024, field: in(func(s *Spec) *int { return &s.Train.Replicas }),
		doc: "Parts of the batch with BN statistics and draws of their own (the paper's cards), on every device."},
	{name: "lr", kind: number, min: 0, max: 100, above: true, field: in(func(s *Spec) *float64 { return &s.Train.LR }),
		doc: "Initial learning rate."},
	{name: "schedule", kind: word, words: scheduleWords, field: in(func(s *Spec) *string { return &s.Train.Schedule }),
		doc: "`cosine`: annealed every step from `lr` to 0, and anew from every milestone (warm restarts). `step`: multiplied by `factor` at every milestone. `constant`: `lr` throughout."},
	{name: "milestones", kind: anyNumbers, min: 0, max: maxEpochs, above: true, def: "[]", field: in(func(s *Spec) *[]float64 { return &s.Train.Milestones }),
		doc: "Where the schedule turns: epochs done, or, below 1, fractions of the training."},
	{name: "factor", kind: number, min: 0, max: 1, def: "0.1", field: in(func(s *Spec) *float64 { return &s.Train.Factor }),
		doc: "Factor of the rate at every milestone of `step`; 0.1 for the other schedules."},
	{name: "warmup", kind: subtables, keys: warmupKeys, def: "[]", field: in(func(s *Spec) *[]Phase { return &s.Train.Warmup }),
		doc: "Phases of constant or rising learning rate at the start of training. The schedule counts their epochs too."},
	{name: "swa", kind: number, min: 0, max: maxEpochs, below: true, def: "0.0", field: in(func(s *Spec) *float64 { return &s.Train.SWA }),
		doc: "Average the weights at the ends of all epochs behind this one, or, below 1, behind this fraction of the training (stochastic weight averaging); 0: no average."},
	{name: "ema", kind: number, min: 0, max: 1, below: true, def: "0.0", field: in(func(s *Spec) *float64 { return &s.Train.EMA }),
		doc: "Decay of an exponential moving average of the weights, which every step moves, such as 0.999; 0: no average. Not with `swa`."},
	{name: "momentum", kind: number, min: 0, max: 1, below: true, field: in(func(s *Spec) *float64 { return &s.Train.Momentum }),
		doc: "Momentum of SGD."},
	{name: "nesterov", kind: boolean, field: in(func(s *Spec) *bool { return &s.Train.Nesterov }),
		doc: "Nesterov's form of momentum; needs `momentum` above 0."},
	{name: "weight_decay", kind: number, min: 0, max: 1, below: true, field: in(func(s *Spec) *float64 { return &s.Train.WeightDecay }),
		doc: "L2 penalty on every parameter, BN and bias included."},
	{name: "clip", kind: number, min: 0, max: 1e6, def: "0.0", field: in(func(s *Spec) *float64 { return &s.Train.Clip }),
		doc: "Largest norm of the gradient of all parameters together, without the penalty; one that is larger is scaled down to it. 0: any."},
	{name: "label_smoothing", kind: number, min: 0, max: 1, below: true, def: "0.0", field: in(func(s *Spec) *float64 { return &s.Train.Smoothing }),
		doc: "Part of every training target that all classes share alike; the image's own keeps the rest. Test loss is without it."},
	{name: "mixup", kind: number, min: 0, max: 100, def: "0.0", field: in(func(s *Spec) *float64 { return &s.Train.Mixup }),
		doc: "Train on pairs of images and their labels, mixed with a weight from Beta(`mixup`, `mixup`) for each batch, such as 0.2; 0: none."},
	{name: "max_steps", kind: integer, min: 0, max: math.MaxInt32, def: "0", field: in(func(s *Spec) *int { return &s.Train.MaxSteps }),
		doc: "Stop after so many steps; 0: never. The schedule stays that of `epochs`."},
	{name: "log_steps", kind: integer, min: 0, max: math.MaxInt32, def: "0", field: in(func(s *Spec) *int { return &s.Train.LogSteps }),
		doc: "A line of metrics every so many steps; 0: only one an epoch."},
	{name: "workers", kind: integer, min: 0, max: 1024, def: "0", field: in(func(s *Spec) *int { return &s.Train.Workers }),
		doc: "CPU threads; 0: one a core."},
	{name: "checkpoint_every", kind: integer, min: 1, max: maxEpochs, def: "1", field: in(func(s *Spec) *int { return &s.Train.CheckpointEvery }),
		doc: "Epochs between checkpoints."},
	{name: "checkpoint_steps", kind: integer, min: 0, max: math.MaxInt32, def: "0", field: in(func(s *Spec) *int { return &s.Train.CheckpointSteps }),
		doc: "Steps between checkpoints besides those; 0: none."},
	{name: "eval_every", kind: integer, min: 1, max: maxEpochs, def: "1", field: in(func(s *Spec) *int { return &s.Train.EvalEvery }),
		doc: "Epochs between evaluations; the last epoch has one always."},
}

var warmupKeys = []key{
	{name: "epochs", kind: integer, min: 1, max: maxEpochs, field: in(func(p *Phase) *int { return &p.Epochs }),
		doc: "Length of the phase."},
	{name: "lr", kind: number, min: 0, max: 100, above: true, field: in(func(p *Phase) *float64 { return &p.LR }),
		doc: "Learning rate of the phase."},
	{name: "ramp", kind: boolean, def: "false", field: in(func(p *Phase) *bool { return &p.Ramp }),
		doc: "`true`: the rate rises to `lr` every step, from that of the phase before or from 0."},
}

var dataKeys = []key{
	{name: "set", kind: word, words: setWords, field: in(func(s *Spec) *string { return &s.Data.Set }),
		doc: "`cifar10`, `cifar100`, `synthetic` (made from the seed, ten classes), or `images`: your own, a folder a class or a `.npz`, where `--data` says. It decides the number of classes."},
	{name: "size", kind: integer, min: 8, max: 224, def: "32", field: in(func(s *Spec) *int { return &s.Data.Size }),
		doc: "Height and width of an image of `images`, to which files are resized; 32 for the other sets."},
	{name: "channels", kind: integer, min: 1, max: 3, def: "3", field: in(func(s *Spec) *int { return &s.Data.Channels }),
		doc: "Channels of an image of `images`: 3, or 1 for grey; 3 for the other sets."},
	{name: "classes", kind: integer, min: 0, max: 65536, def: "0", field: in(func(s *Spec) *int { return &s.Data.Count }),
		doc: "Classes of `images`; 0 for the other sets, which have their own number."},
	{name: "mean", kind: numbers, min: 0, max: 255, field: in(func(s *Spec) *[3]float64 { return &s.Data.Mean }),
		doc: "Mean of red, green and blue, or one of all channels, in units of a byte, taken from every pixel."},
	{name: "std", kind: numbers, min: 0, max: 255, above: true, field: in(func(s *Spec) *[3]float64 { return &s.Data.Std }),
		doc: "Standard deviation of red, green and blue, or one of all channels, by which every pixel is then divided."},
	{name: "flip", kind: boolean, field: in(func(s *Spec) *bool { return &s.Data.Flip }),
		doc: "Mirror an image left to right with probability one half."},
	{name: "crop", kind: integer, min: 0, max: 16, field: in(func(s *Spec) *int { return &s.Data.Crop }),
		doc: "Zeros put on each side after normalising, before a random crop of the image's size; 0: no crop."},
	{name: "cutout", kind: integer, min: 0, max: 64, def: "0", field: in(func(s *Spec) *int { return &s.Data.Cutout }),
		doc: "Side of a square of zeros at a random place of the cropped image, cut off at its edges; 0: none."},
	{name: "erase", kind: number, min: 0, max: 1, def: "0.0", field: in(func(s *Spec) *float64 { return &s.Data.Erase }),
		doc: "Probability of random erasing: a rectangle of zeros, 2 to 40 % of the image, within it."},
	{name: "augment", kind: boolean, def: "true", field: in(func(s *Spec) *bool { return &s.Data.Augment }),
		doc: "`false` switches `flip`, `crop`, `cutout` and `erase` off."},
	{name: "shuffle", kind: boolean, def: "true", field: in(func(s *Spec) *bool { return &s.Data.Shuffle }),
		doc: "A new random order each epoch; `false`: the order of the file."},
	{name: "train_images", kind: integer, min: 0, max: math.MaxInt32, def: "0", field: in(func(s *Spec) *int { return &s.Data.TrainImages }),
		doc: "Use the first so many training images; 0: all."},
	{name: "test_images", kind: integer, min: 0, max: math.MaxInt32, def: "0", field: in(func(s *Spec) *int { return &s.Data.TestImages }),
		doc: "Use the first so many test images; 0: all."},
	{name: "validation", kind: integer, min: 0, max: math.MaxInt32, def: "0", field: in(func(s *Spec) *int { return &s.Data.Validation }),
		doc: "Keep so many training images out of training, and report their error beside the test's."},
	{name: "split", kind: word, words: splitWords, def: `"last"`, field: in(func(s *Spec) *string { return &s.Data.Split }),
		doc: "Which ones: the `last`, or a `random` draw by the seed."},
}

var engineKeys = []key{
	{name: "conv", kind: word, words: convWords, def: `"auto"`, field: in(func(s *Spec) *string { return &s.Engine.Conv }),
		doc: "Algorithm of convolutions on the CPU: `auto` (Winograd's and Strassen's algorithms where they are faster) or `direct` throughout."},
	{name: "precision", kind: word, words: precisionWords, def: `"auto"`, field: in(func(s *Spec) *string { return &s.Engine.Precision }),
		doc: "Arithmetic and storage: `auto` is the device's own choice (CPU: `fp32`; GPU: `bf16`). `bf16` and `fp16` keep weights, statistics and sums in float32; `fp16` scales the loss."},
	{name: "deterministic", kind: boolean, def: "true", field: in(func(s *Spec) *bool { return &s.Engine.Deterministic }),
		doc: "The same seed gives the same bits on one device. `false` lets a GPU take algorithms that add in any order. The CPU always keeps it."},
}

// layerKeys returns the keys of the table that says a layer, one of the words, with the names that
// stand in it. A conv is meant if none is clear.
func layerKeys(words []string, has func(name string) bool) []key {
	for _, w := range words {
		switch name := strings.TrimSuffix(w, "RxS"); {
		case name == "dropout" && has(name):
			return dropoutKeys
		case (name == "maxpool" || name == "avgpool") && w != name && has(name):
			return poolKeys(name)
		}
	}
	return convKeys
}

func names(keys []key) []string {
	ns := make([]string, len(keys))
	for i, k := range keys {
		ns[i] = k.name
	}
	return ns
}
