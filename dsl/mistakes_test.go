package dsl

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"shake/internal/golden"
)

// allNames writes the names of all keys of a table for <net>, <train> and <data>.
var allNames = strings.NewReplacer("<net>", strings.Join(names(netKeys), ", "), "<train>", strings.Join(names(trainKeys), ", "), "<data>", strings.Join(names(dataKeys), ", "))

// TestMistakes changes one place of a valid network and expects exactly one error.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		// Values.
		{"seed = 7", "seed = -1", `x.toml:1:8: seed: want an integer of at least 0, have -1`},
		{"seed = 7", "name = \"a/b\"", `x.toml:1:8: name: want letters, digits, '.', '_' and '-', have "a/b"`},
		{"branches = 2", "branches = 0", `x.toml:6:12: net.branches: want an integer from 1 to 64, have 0`},
		{"branches = 2", "branches = \"two\"", `x.toml:6:12: net.branches: want an integer from 1 to 64, have "two"`},
		{"branches = 2", "branches = 2.0", `x.toml:6:12: net.branches: want an integer from 1 to 64, have 2.0`},
		{`skip = "two-flow"`, `skip = "twoflow"`, `x.toml:7:8: net.skip: want "none", "identity", "conv", "two-flow", "concat" or a list of layers, have "twoflow" (did you mean "two-flow"?)`},
		{`skip = "two-flow"`, `skip = 2026-01-01`, `x.toml:7:8: net.skip: want "none", "identity", "conv", "two-flow", "concat" or a list of layers, have 2026-01-01`},
		{`blocks = 1`, "blocks = 1\nstride = 3", `x.toml:17:10: net.stage[2].stride: want 1 or 2, have 3`},
		{`forward = "shake"`, `forward = "keep"`, `x.toml:19:11: shake.forward: want "even", "shake" or "drop", have "keep"`},
		{`forward = "shake"`, `forward = "m1"`, `x.toml:19:11: shake.forward: want "even", "shake" or "drop", have "m1"`},
		{`backward = "shake"`, `backward = "shale"`, `x.toml:20:12: shake.backward: want "even", "shake", "keep", "m1", "m2", "m3", "m4", "m5" or "drop", have "shale" (did you mean "shake"?)`},
		{"lr = 0.2", "lr = 0", `x.toml:26:6: train.lr: want a number above 0, at most 100, have 0`},
		{"lr = 0.2", "lr = nan", `x.toml:26:6: train.lr: want a number above 0, at most 100, have nan`},
		{"lr = 0.2", "lr = inf", `x.toml:26:6: train.lr: want a number above 0, at most 100, have inf`},
		{"momentum = 0.9", "momentum = 1", `x.toml:28:12: train.momentum: want a number from 0, below 1, have 1`},
		{"nesterov = true", `nesterov = "yes"`, `x.toml:29:12: train.nesterov: want true or false, have "yes"`},
		{"std = [63.0, 62.1, 66.7]", "std = [63.0, 0, 66.7]", `x.toml:35:7: data.std: want a list of 3 numbers, or of 1, each above 0, at most 255, have [63.0, 0, 66.7]`},
		{"std = [63.0, 62.1, 66.7]", "std = 63", `x.toml:35:7: data.std: want a list of 3 numbers, or of 1, each above 0, at most 255, have 63`},
		{"std = [63.0, 62.1, 66.7]", "std = [1, 2]", `x.toml:35:7: data.std: want a list of 3 numbers, or of 1, each above 0, at most 255, have [1, 2]`},
		{"[shake]", "[shake]\nrange = [0.6, 0.4]", `x.toml:19:9: shake.range: want [low, high] with low below high, have [0.6, 0.4]`},

		// Keys.
		{"crop = 4", "corp = 4\ncrop = 4", `x.toml:37:1: data.corp: want one of <data>, have "corp" (did you mean "crop"?)`},
		{"seed = 7", "lr = 7", `x.toml:1:1: lr: want one of name, extends, seed, net, shake, train, data, engine, have "lr" (did you mean "train.lr"?)`},
		{"seed = 7", `"a.b\n" = 7`, `x.toml:1:1: "a.b\n": want one of name, extends, seed, net, shake, train, data, engine, have "a.b\n"`},
		{"blocks = 1", "block = 1\nblocks = 1", `x.toml:16:1: net.stage[2].block: want one of width, blocks, stride, have "block" (did you mean "blocks"?)`},
		{"lr = 0.2\n", "", `x.toml:22:1: train.lr: want a number above 0, at most 100, have nothing`},
		{"blocks = 1\n", "", `x.toml:14:1: net.stage[2].blocks: want an integer from 1 to 1000, have nothing`},
		{`backward = "shake"`, ``, `x.toml:18:1: shake.backward: want "even", "shake", "keep", "m1", "m2", "m3", "m4", "m5" or "drop", have nothing`},
		{"[shake]\nforward = \"shake\"\nbackward = \"shake\"", "[shake]\nbackward = \"shake\"\n[shake.forward]", `x.toml:20:1: shake.forward: want "even", "shake" or "drop", have a table with 0 keys`},

		{"weight_decay = 1e-4", "[[train.weight_decay]]", `x.toml:30:1: train.weight_decay: want a number from 0, below 1, have a list of 1 table`},
		{"seed = 7", strings.Repeat("x", 50) + " = 7", `x.toml:1:1: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...": want one of name, extends, seed, net, shake, train, data, engine, have "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."`},

		// Layers.
		{`"conv3x3", "bn", "relu"`, `"conv3x3", "bm", "relu"`, `x.toml:5:30: net.branch[3]: want "convRxS", { conv = "RxS", ... }, "bn", "relu", "maxpoolRxS", "avgpoolRxS" or { dropout = P }, have "bm" (did you mean "bn"?)`},
		{`"conv3x3", "bn", "relu"`, `"conv3x33", "bn", "relu"`, `x.toml:5:19: net.branch[2]: want "convRxS", { conv = "RxS", ... }, "bn", "relu", "maxpoolRxS", "avgpoolRxS" or { dropout = P }, have "conv3x33" (did you mean "conv3x3"?)`},
		{`"conv3x3", "bn", "relu"`, `"conv3x3", 3, "relu"`, `x.toml:5:30: net.branch[3]: want "convRxS", { conv = "RxS", ... }, "bn", "relu", "maxpoolRxS", "avgpoolRxS" or { dropout = P }, have 3`},
		{`"conv3x3", "bn", "relu"`, `{ conf = "3x3", conv = "3x3" }, "bn", "relu"`, `x.toml:5:21: net.branch[2].conf: want one of conv, out, groups, stride, pad, have "conf" (did you mean "conv"?)`},
		{`"conv3x3", "bn", "relu"`, `{ conv = "0x3" }, "bn", "relu"`, `x.toml:5:28: net.branch[2].conv: want a kernel such as "3x3", each side from 1 to 32, have "0x3"`},
		{`"conv3x3", "bn", "relu"`, `{ conv = "3x3", stride = false }, "bn", "relu"`, `x.toml:5:44: net.branch[2].stride: want true or an integer from 1 to 8, have false`},
		{`"conv3x3", "bn", "relu", "conv3x3"`, `{ conv = "3x3", stride = true }, "bn", { conv = "3x3", stride = true }`, `x.toml:5:83: net.branch[4].stride: want one conv or pool that takes the stage's stride, have a second one, after net.branch[2]`},
		{`stem = [{ conv = "3x3", out = 16 }, "bn"]`, `stem = ["conv3x3", "bn"]`, `x.toml:4:9: net.stem[1]: want a conv with its output channels: { conv = "3x3", out = 16 }, have "conv3x3"`},
		{`out = 16 }`, `out = 16, stride = true }`, `x.toml:4:44: net.stem[1].stride: want an integer: only a block has a stage's stride to take, have true`},
		{`stem = [{ conv = "3x3", out = 16 }, "bn"]`, `stem = ["bn"]`, `x.toml:4:8: net.stem: want at least one conv, have ["bn"]`},
		{`stem = [{ conv = "3x3", out = 16 }, "bn"]`, `stem = []`, `x.toml:4:8: net.stem: want a list of layers ("convRxS", { conv = "RxS", ... }, "bn", "relu", "maxpoolRxS", "avgpoolRxS"), have []`},
		{`branch = ["relu", "conv3x3", "bn", "relu", "conv3x3", "bn"]`, `branch = ["relu"]`, `x.toml:5:10: net.branch: want at least one conv, have ["relu"]`},
		{`"avgpool", "linear"`, `"linear", "avgpool"`, `x.toml:8:17: net.head[2]: want "linear" only as the last layer, have it in place 2 of 3`},
		{`"avgpool", "linear"`, `"bn", "linear"`, `x.toml:8:8: net.head: want "avgpool" before "linear", have ["relu", "bn", "linear"]`},
		{`"avgpool", "linear"`, `"bn", "avgpool"`, `x.toml:8:8: net.head: want "linear" at the end, have ["relu", "bn", "avgpool"]`},
		{`"avgpool", "linear"`, `"avgpool", "avgpool", "linear"`, `x.toml:8:28: net.head[3]: want one "avgpool", have a second`},
		{`"avgpool", "linear"`, `"avgpool", "relu", "linear"`, `x.toml:8:28: net.head[3]: want "linear" after "avgpool", have "relu"`},
		{`"avgpool", "linear"`, `"conv1x1", "avgpool", "linear"`, `x.toml:8:17: net.head[2]: want "relu", "bn", "avgpool" or "linear", have "conv1x1"`},
		{`skip = "two-flow"`, "skip = \"two-flow\"\nafter = [\"relu\", \"relu\"]", `x.toml:8:9: net.after: want [] or ["relu"], have ["relu", "relu"]`},
		{`skip = "two-flow"`, "skip = \"two-flow\"\nafter = [{ conv = \"1x1\" }]", `x.toml:8:10: net.after[1]: want "relu", have { conv = "1x1" }`},

		{`["relu", "avgpool", "linear"]`, `["avgpool"]`, `x.toml:8:8: net.head: want "linear" at the end, have ["avgpool"]`},
		{`["relu", "avgpool", "linear"]`, `["linear"]`, `x.toml:8:8: net.head: want "avgpool" before "linear", have ["linear"]`},
		{`["relu", "avgpool", "linear"]`, `[]`, `x.toml:8:8: net.head: want a list of layers ("relu", "bn", "avgpool", "linear"), have []`},
		{`"conv3x3", "bn", "relu"`, `{ conv = "3x3", maxpool = "2x2", out = 16 }, "bn", "relu"`, `x.toml:5:19: net.branch[2]: want one kind of layer a table, have { conv = "3x3", maxpool = "2x2", out ... (write conv and maxpool as layers of their own)`},
		{`"conv3x3", "bn", "relu"`, `{ avgpool = "2x2", dropout = 0.5 }, "conv3x3", "relu"`, `x.toml:5:19: net.branch[2]: want one kind of layer a table, have { avgpool = "2x2", dropout = 0.5 } (write avgpool and dropout as layers of their own)`},

		// Shapes.
		{`"relu", "conv3x3", "bn", "relu"`, `"relu", { conv = "3x3", groups = 32 }, "bn", "relu"`, `x.toml:5:44: net.branch[2].groups: want a divisor of 16 input and 32 output channels in stage 1, have 32`},
		{`"relu", "conv3x3", "bn"]`, `"relu", { conv = "3x3", groups = 5 }, "bn"]`, `x.toml:5:69: net.branch[5].groups: want a divisor of 32 input and 32 output channels in stage 1, have 5`},
		{`"relu", "conv3x3", "bn"]`, `"relu", { conv = "3x3", out = 48 }, "bn"]`, `x.toml:5:44: net.branch[5]: want a branch that ends in the stage's width, 32 channels in stage 1, have 48`},
		{"width = 64", "width = 65", `x.toml:15:9: net.stage[2].width: want an even number: each flow of a two-flow skip makes half of the channels, have 65`},
		{`skip = "two-flow"`, `skip = "identity"`, `x.toml:7:8: net.skip: want "two-flow", "conv", "none" or a list of layers: net.stage[1] changes the shape from 16×32×32 to 32×32×32, have "identity"`},
		{`"relu", "conv3x3", "bn"]`, `"relu", { conv = "3x3", pad = 0 }, "bn"]`, `x.toml:5:10: net.branch: want an output of 32×32×32 like the skip's in stage 1, have 32×30×30 (look at the pads and strides)`},
		{`"relu", "conv3x3", "bn"]`, `"relu", { conv = "3x3", pad = 31 }, "bn"]`, `x.toml:5:44: net.branch[5]: want a map of at most 64×64 in stage 1, have 92×92 (look at its pad)`},
		{`out = 16 }`, `out = 16 }, { conv = "32x32", out = 16, pad = 0 }, { conv = "2x2", out = 16, pad = 0 }`, `x.toml:4:76: net.stem[3]: want a kernel that fits into a 1×1 map with pad 0, have 2x2`},
		{`["relu", "conv3x3", "bn", "relu", "conv3x3", "bn"]`, `[{ conv = "3x3", stride = 1 }]`, `x.toml:5:10: net.branch: want a conv or pool that takes the stage's stride 2 in stage 2, have numbers for all of them (write stride = true in one)`},

		// Tables and keys in the wrong place.
		{"[train]", "[trian]", `x.toml:22:1: trian: want one of name, extends, seed, net, shake, train, data, engine, have "trian" (did you mean "train"?)`},
		{"[net]", "[nett]", `x.toml:3:1: nett: want one of name, extends, seed, net, shake, train, data, engine, have "nett" (did you mean "net"?)`},
		{"crop = 4", "crop = 4\nseed = 3", `x.toml:38:1: data.seed: want one of <data>, have "seed" (seed belongs above the first table of the file)`},
		{"crop = 4", "crop = 4\nextends = \"quick\"", `x.toml:38:1: data.extends: want one of <data>, have "extends" (extends belongs above the first table of the file)`},
		{"branches = 2", "branches = 2\nwidth = 32", `x.toml:7:1: net.width: want one of <net>, have "width" (width belongs in a table of [[net.stage]])`},
		{"[[net.stage]]\nwidth = 64\nblocks = 1\n", "[net.train]\n", `x.toml:14:1: net.train: want one of <net>, have "train" (write [train])`},
		{"[[net.stage]]\nwidth = 32\nblocks = 2\n\n[[net.stage]]", "[net.stage]", `x.toml:10:1: net.stage: want a list of tables with width, blocks, stride, have a table with 2 keys (write [[net.stage]])`},

		// Shake.
		{"[shake]\nforward = \"shake\"\nbackward = \"shake\"", `shake = "S-S-I"`, `x.toml:18:1: net.stage[2].shake: want one of width, blocks, stride, have "shake" (shake belongs above the first table of the file)`},
		{"seed = 7", `shake = "S-S-I"`, `x.toml:18:2: Key 'shake' has already been defined. (the first one is in line 1)`},
		{`forward = "shake"
backward = "shake"`, `forward = "even"
backward = "m1"`, `x.toml:20:12: shake.backward: want "even", "shake" or "keep" with forward = "even", have "m1", which is made from the forward pass's draw (write forward = "shake")`},
		{`forward = "shake"
backward = "shake"`, `forward = "even"
backward = "keep"
range = [0.2, 0.8]`, `x.toml:21:9: shake.range: want [0.0, 1.0] unless forward or backward is "shake", have [0.2, 0.8], which nothing draws from (write range = [0.0, 1.0])`},
		{"branches = 2", "branches = 1", "x.toml:19:11: shake.forward: want \"even\" with one branch: its coefficient is 1, have \"shake\"\nx.toml:20:12: shake.backward: want \"even\" with one branch: its coefficient is 1, have \"shake\""},

		// Data.
		{"mean = [125.3, 123.0, 113.9]", "mean = [0.4914, 0.4822, 0.4465]", `x.toml:34:8: data.mean: want the means of pixels from 0 to 255, have [0.4914, 0.4822, 0.4465] (write [125.307, 122.961, 113.858])`},
		{"std = [63.0, 62.1, 66.7]", "std = [0.247, 0.243, 0.261]", `x.toml:35:7: data.std: want the deviations of pixels from 0 to 255, have [0.247, 0.243, 0.261] (write [62.985, 61.965, 66.555])`},
		{"std = [63.0, 62.1, 66.7]", "std = [63.0, 62.1, 0.26]", `x.toml:35:7: data.std: want the deviations of pixels from 0 to 255, have [63.0, 62.1, 0.26] (write [63, 62.1, 66.3])`},
		{"std = [63.0, 62.1, 66.7]", "std = [63.0, 1, 66.7]", `x.toml:35:7: data.std: want the deviations of pixels from 0 to 255, have [63.0, 1, 66.7] (write [63, 255, 66.7])`},
		{"mean = [125.3, 123.0, 113.9]", "mean = [125.3, 0.4, 113.9]", `x.toml:34:8: data.mean: want the means of pixels from 0 to 255, have [125.3, 0.4, 113.9] (write [125.3, 102, 113.9])`},
		{"mean = [125.3, 123.0, 113.9]\nstd = [63.0, 62.1, 66.7]", "mean = [0.5]\nstd = [0.5]", "x.toml:34:8: data.mean: want the means of pixels from 0 to 255, have [0.5] (write [127.5])\nx.toml:35:7: data.std: want the deviations of pixels from 0 to 255, have [0.5] (write [127.5])"},
		{`backward = "shake"`, "backward = \"m1\"\nlevel = \"batch\"", `x.toml:20:12: shake.backward: want "even", "shake" or "keep" at level "batch", have "m1" (write level = "image")`},

		// Train.
		{"batch = 128", "batch = 1", `x.toml:24:9: train.batch: want at least one image for each of 2 replicas, have 1`},
		{"momentum = 0.9", "momentum = 0", `x.toml:28:12: train.momentum: want a number above 0, since nesterov = true, have 0 (or write nesterov = false)`},
		{"lr = 0.2", "lr = 0.2\nwarmup = [{ epochs = 2, lr = 0.1 }, { epochs = 2, lr = 0.2 }]", `x.toml:27:48: train.warmup[2].epochs: want phases within the 3 epochs of training, have 4 so far`},
		{"lr = 0.2", "lr = 0.2\nwarmup = [{ epochs = 2 }]", `x.toml:27:11: train.warmup[1].lr: want a number above 0, at most 100, have nothing`},
		{"lr = 0.2", "lr = 0.2\nwarmup = 3", `x.toml:27:10: train.warmup: want a list of tables with epochs, lr, ramp, have 3`},

		{`schedule = "cosine"`, `schedule = "step"`, `x.toml:22:1: train.milestones: want at least one milestone of schedule = "step", have [] (such as milestones = [0.5, 0.75])`},
		{`schedule = "cosine"`, "schedule = \"constant\"\nmilestones = [1]", `x.toml:28:14: train.milestones: want none with schedule = "constant", have [1]`},
		{`schedule = "cosine"`, "schedule = \"cosine\"\nmilestones = [0.5, 2.5]", `x.toml:28:20: train.milestones[2]: want whole epochs, or below 1 a fraction of the training, have 2.5`},
		{`schedule = "cosine"`, "schedule = \"cosine\"\nmilestones = [2, 0.5]", `x.toml:28:18: train.milestones[2]: want milestones in order, within the 3 epochs of training, have 0.5`},
		{`schedule = "cosine"`, "schedule = \"cosine\"\nmilestones = [3]", `x.toml:28:15: train.milestones[1]: want milestones in order, within the 3 epochs of training, have 3`},
		{`schedule = "cosine"`, "schedule = \"cosine\"\nmilestones = 2", `x.toml:28:14: train.milestones: want a list of numbers, each above 0, at most 50000, have 2`},

		{"lr = 0.2", "lr = 0.2\nfactor = 1.5", `x.toml:27:10: train.factor: want a number from 0 to 1, have 1.5`},
		{"lr = 0.2", "lr = 0.2\nfactor = 0.5", `x.toml:27:10: train.factor: want 0.1 unless schedule is "step": nothing else multiplies the rate, have 0.5 (write factor = 0.1)`},
		{`schedule = "cosine"`, "schedule = \"constant\"\nfactor = 0", `x.toml:28:10: train.factor: want 0.1 unless schedule is "step": nothing else multiplies the rate, have 0 (write factor = 0.1)`},
		{"lr = 0.2", "lr = 0.2\neval_every = 0", `x.toml:27:14: train.eval_every: want an integer from 1 to 50000, have 0`},

		{"crop = 4", "crop = 4\ncutout = 65", `x.toml:38:10: data.cutout: want an integer from 0 to 64, have 65`},
		{"crop = 4", "crop = 4\nerase = 1.5", `x.toml:38:9: data.erase: want a number from 0 to 1, have 1.5`},
		{"crop = 4", "crop = 4\ntrain_images = 100\nvalidation = 100", `x.toml:39:14: data.validation: want fewer than the 100 training images that are used, have 100`},

		{"lr = 0.2", "lr = 0.2\nswa = 3", `x.toml:27:7: train.swa: want whole epochs before the last of 3, or below 1 a fraction of the training, have 3`},
		{"lr = 0.2", "lr = 0.2\nswa = 1.5", `x.toml:27:7: train.swa: want whole epochs before the last of 3, or below 1 a fraction of the training, have 1.5`},

		{"lr = 0.2", "lr = 0.2\nswa = 1\nema = 0.9", `x.toml:28:7: train.ema: want 0 with swa: a run has one average, have 0.9`},
		{"lr = 0.2", "lr = 0.2\nema = 1", `x.toml:27:7: train.ema: want a number from 0, below 1, have 1`},
		{"lr = 0.2", "lr = 0.2\nmixup = 101", `x.toml:27:9: train.mixup: want a number from 0 to 100, have 101`},
		{"lr = 0.2", "lr = 0.2\nclip = -1", `x.toml:27:8: train.clip: want a number from 0 to 1000000, have -1`},
		{"lr = 0.2", "lr = 0.2\nlabel_smoothing = 1", `x.toml:27:19: train.label_smoothing: want a number from 0, below 1, have 1`},

		{"crop = 4", "crop = 4\nvalidation = 10\nsplit = \"first\"", `x.toml:39:9: data.split: want "last" or "random", have "first"`},
		{"crop = 4", "crop = 4\nsplit = \"random\"", `x.toml:38:9: data.split: want "last" unless validation keeps images out of training, have "random"`},
		{"crop = 4", "crop = 4\ntrain_images = 60000", `x.toml:38:16: data.train_images: want at most 50000 of "cifar10", have 60000`},

		// Images of one's own.
		{`set = "cifar10"`, `set = "images"`, `x.toml:32:1: data.classes: want the number of classes of set = "images", at least 2, have 0 (shake data stats PATH says it)`},
		{`set = "cifar10"`, "set = \"images\"\nclasses = 70000", `x.toml:34:11: data.classes: want an integer from 0 to 65536, have 70000`},
		{`set = "cifar10"`, "set = \"images\"\nclasses = 7\nchannels = 2", `x.toml:35:12: data.channels: want 1 or 3, have 2`},
		{`set = "cifar10"`, "set = \"images\"\nclasses = 7\nsize = 300", `x.toml:35:8: data.size: want an integer from 8 to 224, have 300`},
		{`set = "cifar10"`, "set = \"images\"\nclasses = 7\nchannels = 1", "x.toml:36:8: data.mean: want one number for one channel, have [125.3, 123.0, 113.9]\nx.toml:37:7: data.std: want one number for one channel, have [63.0, 62.1, 66.7]"},
		{`set = "cifar10"`, "set = \"cifar10\"\nsize = 64", `x.toml:34:8: data.size: want 32: only set = "images" has another, have 64 with "cifar10"`},
		{`set = "cifar10"`, "set = \"cifar10\"\nclasses = 5", `x.toml:34:11: data.classes: want 0: only set = "images" has another, have 5 with "cifar10"`},
		{"std = [63.0, 62.1, 66.7]", "std = [0.5]", `x.toml:35:7: data.std: want the deviations of pixels from 0 to 255, have [0.5] (write [127.5])`},
		{`["relu", "conv3x3", "bn", "relu", "conv3x3", "bn"]`, `["relu", "conv3x3", "bn", "relu", { conv = "3x3", pad = 20 }, "bn"]`, `x.toml:5:44: net.branch[5]: want a map of at most 64×64 in stage 1, have 70×70 (look at its pad)`},

		// Text.
		{"seed = 7", "seed = ", `x.toml:1:8: seed: expected value but found '\n' instead (give the key a value, or leave it out)`},
		{"seed = 7", "seed = 7\nseed = 8", `x.toml:2:1: seed: Key 'seed' has already been defined. (the first one is in line 1)`},
		{"seed = 7", "seed = \"\xff\"", `x.toml:1:9: want UTF-8 text, have byte 0xff`},
		{"seed = 7", "# " + strings.Repeat("é", 2100), `x.toml:1:1: want a line of at most 4096 bytes, have 4203`},
		{"seed = 7", "a = " + strings.Repeat("[\n", 33), `x.toml:33:1: want at most 32 lists and tables within each other, have more`},
		{"seed = 7", strings.Repeat("a.", 33) + "b = 1", `x.toml:1:65: want at most 32 lists and tables within each other, have more`},
		{"seed = 7", strings.Repeat("#\n", 40000), `x.toml: want at most 65536 bytes, have 80522`},
	} {
		text := strings.Replace(whole, c.from, c.to, 1)
		if text == whole {
			t.Fatalf("%q is not in the text", c.from)
		}
		want := allNames.Replace(c.want)
		_, err := builtin.Parse("x.toml", []byte(text))
		if err == nil {
			t.Errorf("%.200q: no error, want\n\t%s", c.to, want)
		} else if err.Error() != want {
			t.Errorf("%.200q:\nwant\t%s\nhave\t%s", c.to, want, err)
		}
	}
}

// TestEasyMistakes writes the ten mistakes of testdata/easy.golden, each into a valid network, with
// its message below it. docs/language.md names that file.
func TestEasyMistakes(t *testing.T) {
	mistakes := [][2]string{
		{"momentum = 0.9", "momentun = 0.9"},
		{`backward = "shake"`, `backward = "shale"`},
		{"crop = 4", "crop = 4\nweight_decay = 1e-4"},
		{`skip = "two-flow"`, "skip = two-flow"},
		{"nesterov = true", "nesterov = True"},
		{"lr = 0.2\n", ""},
		{"epochs = 3", `epochs = "3"`},
		{"[[net.stage]]", "[net.stage]"},
		{"mean = [125.3, 123.0, 113.9]", "mean = [0.4914, 0.4822, 0.4465]"},
		{`"relu", "conv3x3", "bn"]`, `"relu", { conv = "3x3", out = 48 }, "bn"]`},
	}
	var b strings.Builder
	for _, m := range mistakes {
		_, err := builtin.Parse("mynet.toml", []byte(strings.Replace(whole, m[0], m[1], 1)))
		var es Errors
		if !errors.As(err, &es) || len(es) != 1 {
			t.Fatalf("%s: %v", m[1], err)
		}
		place := func(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") }
		fmt.Fprintf(&b, "%s  ->  %s\n%v\n\n", place(m[0]), cmp.Or(place(m[1]), "(nothing)"), err)
	}
	golden.Compare(t, "testdata/easy.golden", b.String())
}

// TestDarkChannels: the mean of a channel that is nearly black is no fraction.
func TestDarkChannels(t *testing.T) {
	for _, mean := range []string{"[0.8, 0.3, 0.0]", "[1]"} {
		if _, err := builtin.Parse("x.toml", []byte(whole), "data.mean="+mean, "data.std=[13.8, 8.8, 1.1]"); err != nil {
			t.Errorf("%s: %v", mean, err)
		}
	}
}

// TestGoldenErrors holds the report of files with many mistakes. They are made for: ten.toml, the
// report of ten mistakes at once; types.toml, a wrong type for every kind of value; missing.toml, a
// file with nothing in it; derived.toml, mistakes in a base and in its extension; shapes.toml,
// mistakes that show once all else is right.
func TestGoldenErrors(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.toml")
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, file := range files {
		_, err := builtin.Load(file)
		if err == nil {
			t.Errorf("%s: no error", file)
			continue
		}
		var es Errors
		if !errors.As(err, &es) {
			t.Errorf("%s: %T", file, err)
		}
		if strings.HasSuffix(file, "ten.toml") && len(es) < 10 {
			t.Errorf("%s: %d mistakes, want at least ten", file, len(es))
		}
		golden.Compare(t, strings.TrimSuffix(file, "toml")+"golden", filepath.ToSlash(err.Error())+"\n")
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"forward", "backward", "level", "range"}
	for have, want := range map[string]string{
		"bakward": "backward", "Backward": "backward", "backwrad": "backward", "lvl": "level", "leve": "level",
		"xyz": "", "": "", "front": "", strings.Repeat("a", 1000): "",
	} {
		if want != "" {
			want = `did you mean "` + want + `"?`
		}
		if got := didYouMean(have, words); got != want {
			t.Errorf("%.20s: %s, want %s", have, got, want)
		}
	}
}

func TestNotFound(t *testing.T) {
	_, err := builtin.Load("26-2x32")
	var nf *NotFoundError
	if !errors.As(err, &nf) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%T %v", err, err)
	}
	if want := `26-2x32: want a file or a built-in network (` + strings.Join(builtin.Names(), ", ") + `) (did you mean "26-2x32d"?)`; err.Error() != want {
		t.Errorf("want %s\nhave %s", want, err)
	}
	for name, found := range map[string]bool{"quick.toml": true, "testdata": false, "testdata/ten.toml": true} {
		if _, ok := builtin.find(name); ok != found {
			t.Errorf("%s: found %v, want %v", name, ok, found)
		}
	}
	if (&Loader{}).Names() != nil {
		t.Error("a loader without built-in networks has one")
	}
	if _, err := builtin.Load("../nets/doc.txt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("have %v", err)
	}
}
