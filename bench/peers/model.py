"""The PyTorch twin: any network of shake's language as a torch module with the same parameter
names."""

import math
import pathlib
import re
import tomllib

import torch
from torch import nn
from torch.nn import functional as F

import philox

NETS = pathlib.Path(__file__).resolve().parents[2] / "nets"


def load(path):
    """The resolved tables of a TOML file: extends followed, defaults filled in. A bare name is a
    built-in network."""
    path = pathlib.Path(path)
    if not path.suffix:
        path = NETS / (path.name + ".toml")
    spec = _read(path)
    net = spec["net"]
    net.setdefault("before", [])
    net.setdefault("transition", [])
    net.setdefault("after", [])
    for i, stage in enumerate(net["stage"]):
        stage.setdefault("stride", 2 if i else 1)
    for part in ("stem", "transition", "before", "branch", "skip", "after", "head"):
        if not isinstance(net[part], str):
            net[part] = [_layer(word) for word in net[part]]
            if part in ("transition", "branch", "skip"):
                _take_stride(net[part])
    spec.setdefault("seed", 1)
    spec["shake"] = {"level": "image", "range": [0.0, 1.0], "gate": 0.5, **spec["shake"]}
    spec["shake"].setdefault("backward_range", spec["shake"]["range"])
    spec["train"] = {"warmup": [], "max_steps": 0, **spec["train"]}
    spec["data"] = {"augment": True, "shuffle": True, "train_images": 0, "test_images": 0, **spec["data"]}
    spec["classes"] = spec["data"].get("classes") or (100 if spec["data"]["set"] == "cifar100" else 10)
    return spec


def _read(path):
    spec = tomllib.loads(path.read_text())
    if "extends" not in spec:
        return spec
    name = spec.pop("extends")
    base = path.parent / name
    if not base.is_file():
        base = NETS / (name.removesuffix(".toml") + ".toml")
    return _merge(_read(base), spec)


def _merge(base, over):
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{k: _merge(base[k], v) if k in base else v for k, v in over.items()}}


def _layer(word):
    kinds = ("conv", "maxpool", "avgpool")
    if isinstance(word, str) and not (m := re.fullmatch(r"(conv|maxpool|avgpool)(\d+x\d+)", word)):
        return {"kind": word}
    table = {m[1]: m[2]} if isinstance(word, str) else word
    if "dropout" in table:
        return {"kind": "dropout", "rate": table["dropout"]}
    kind = next(k for k in kinds if k in table)
    r, s = map(int, table[kind].split("x"))
    if kind != "conv":
        return {"kind": kind, "r": r, "s": s, "stride": table.get("stride"), "pad": table.get("pad", 0)}
    return {"kind": "conv", "r": r, "s": s, "out": table.get("out", 0), "groups": table.get("groups", 1),
            "stride": table.get("stride"), "pad": table.get("pad", (r - 1) // 2)}


def _take_stride(layers):
    """Gives the stage's stride to the first conv or pool without a number, if none says that it
    takes it."""
    convs = [layer for layer in layers if "r" in layer]
    if not any(layer["stride"] is True for layer in convs):
        for layer in [c for c in convs if c["stride"] is None][:1]:
            layer["stride"] = True


def width_of(stage, block):
    """The width of a block, which counts from 0: one number, or two between which it rises."""
    if isinstance(stage["width"], int):
        return stage["width"]
    first, last = stage["width"]
    return first + math.floor((last - first) * block / max(1, stage["blocks"] - 1) + 0.5)


class Widen(nn.Module):
    """Channels of zeros behind the input's."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x):
        return F.pad(x, (0, 0, 0, 0, 0, self.width - x.shape[1]))


class Dropout(nn.Module):
    """Multiplies by a mask that the trainer sets before a pass, [N, C, H, W] of 0 and 1/(1-rate)."""

    def __init__(self, rate):
        super().__init__()
        self.rate, self.draw = rate, None

    def forward(self, x):
        return x * self.draw(self.rate, x) if self.training else x


class ShakeSum(torch.autograd.Function):
    """sum over k of alpha[k] * branch_k; in the backward pass branch k gets beta[k] * dy. alpha and
    beta are [branches, N]."""

    @staticmethod
    def forward(ctx, alpha, beta, *branches):
        ctx.save_for_backward(beta)
        return sum(a.view(-1, 1, 1, 1) * b for a, b in zip(alpha, branches))

    @staticmethod
    def backward(ctx, dy):
        (beta,) = ctx.saved_tensors
        return (None, None, *(b.view(-1, 1, 1, 1) * dy for b in beta))


class TwoFlow(nn.Module):
    """ReLU; every stride-th pixel, and the same of the map shifted one pixel right and down, each
    through a 1x1 conv; concatenated; BN."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.stride = stride
        self.a = nn.Conv2d(cin, cout // 2, 1, bias=False)
        self.b = nn.Conv2d(cin, cout // 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        x = F.relu(x)
        shifted = F.pad(x, (1, 0, 1, 0))[:, :, :-1, :-1]
        s = self.stride
        return self.bn(torch.cat([self.a(x[:, :, ::s, ::s]), self.b(shifted[:, :, ::s, ::s])], 1))


class ConvSkip(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 1, stride, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return self.bn(self.conv(x))


def size(said, width, cin):
    """A number of channels or groups: n, "4w" or "w/4" of the stage's width, "in" or "in/2" of the
    layer's input."""
    if isinstance(said, int):
        return said
    times, unit, over = re.fullmatch(r"(\d*)(w|in)(?:/(\d+))?", said).groups()
    return int(times or 1) * (width if unit == "w" else cin) // int(over or 1)


def sequence(layers, cin, width=0, stride=1):
    """nn.Sequential of a list of layers, and its number of output channels."""
    out = []
    for layer in layers:
        if layer["kind"] == "conv":
            k = size(layer["out"], width, cin) or width
            step = stride if layer["stride"] is True else layer["stride"] or 1
            out.append(nn.Conv2d(cin, k, (layer["r"], layer["s"]), step, layer["pad"], groups=size(layer["groups"], width, cin), bias=False))
            cin = k
        elif "r" in layer:
            step = stride if layer["stride"] is True else layer["stride"] or layer["r"]
            pool = nn.MaxPool2d if layer["kind"] == "maxpool" else nn.AvgPool2d
            out.append(nn.Identity() if layer["stride"] is True and stride == 1 else pool((layer["r"], layer["s"]), step, layer["pad"]))
        elif layer["kind"] == "widen":
            out.append(Widen(width))
            cin = width
        elif layer["kind"] == "dropout":
            out.append(Dropout(layer["rate"]))
        else:
            out.append(nn.BatchNorm2d(cin) if layer["kind"] == "bn" else nn.ReLU())
    return nn.Sequential(*out), cin


class Block(nn.Module):
    """after(skip(x) + shaken sum of the branches of before(x)); a skip that changes the shape reads
    before(x) too. With skip = "concat" the sum stands behind x."""

    def __init__(self, net, cin, width, stride):
        super().__init__()
        self.before = sequence(net["before"], cin)[0]
        self.expected = 1 / net["branches"]  # coefficient at test time
        self.branches = nn.ModuleList(sequence(net["branch"], cin, width, stride)[0] for _ in range(net["branches"]))
        self.skip, self.same = None, cin == width and stride == 1
        self.concat = net["skip"] == "concat"
        self.channels = cin + width if self.concat else width
        if net["skip"] in ("none", "concat"):
            self.same = False
        elif not self.same and isinstance(net["skip"], str):
            self.skip = {"two-flow": TwoFlow, "conv": ConvSkip}[net["skip"]](cin, width, stride)
        elif not self.same:
            self.skip = sequence(net["skip"], cin, width, stride)[0]
        self.after = nn.ReLU() if net["after"] else None

    def forward(self, x, alpha, beta):
        z = self.before(x)
        branches = [branch(z) for branch in self.branches]
        if alpha is not None:
            y = ShakeSum.apply(alpha, beta, *branches)
        else:
            y = branches[0] if self.expected == 1 else sum(branches) * self.expected
        if self.concat:
            return torch.cat([x, y], 1)
        if self.same:
            y = y + x
        elif self.skip is not None:
            y = y + self.skip(z)
        return y if self.after is None else self.after(y)


class Stage(nn.Module):
    """A transition, which takes the stride, and the blocks behind it."""

    def __init__(self, net, stage, cin, first):
        super().__init__()
        self.transition, stride = nn.Identity(), stage["stride"]
        if net["transition"] and not first:
            self.transition, cin = sequence(net["transition"], cin, width_of(stage, 0), stride)
            stride = 1
        self.blocks, self.channels = [], cin
        for i in range(stage["blocks"]):
            block = Block(net, self.channels, width_of(stage, i), 1 if i else stride)
            self.add_module(str(i), block)
            self.blocks.append(block)
            self.channels = block.channels


class ShakeNet(nn.Module):
    """The network of a resolved spec. Parameters stand in the order in which shake numbers them."""

    def __init__(self, spec):
        super().__init__()
        net = spec["net"]
        self.stem, c = sequence(net["stem"], spec["data"].get("channels", 3))
        self.stages = nn.ModuleList()
        for stage in net["stage"]:
            self.stages.append(Stage(net, stage, c, len(self.stages) == 0))
            c = self.stages[-1].channels
        if spec["shake"]["forward"] == "drop":
            for i, block in enumerate(self.blocks()):
                gate = philox.open_gate(spec["shake"], i, len(self.blocks()))
                block.expected = gate + (1 - gate) * sum(spec["shake"]["range"]) / 2
        head, c = sequence(net["head"][:-2], c)
        self.head = nn.Sequential(*head, nn.Identity(), nn.Linear(c, spec["classes"]))

    def blocks(self):
        return [block for stage in self.stages for block in stage.blocks]

    def forward(self, x, alpha=None, beta=None):
        """x is normalised N,3,32,32; alpha and beta are lists of [branches, N], one a block; None:
        even, as in testing."""
        x, i = self.stem(x), 0
        for stage in self.stages:
            x = stage.transition(x)
            for block in stage.blocks:
                x = block(x, alpha and alpha[i], beta and beta[i])
                i += 1
        for layer in self.head[:-2]:
            x = layer(x)
        return self.head[-1](x.mean((2, 3)))

    def initializations(self):
        """(kind, scale) of every parameter, in order: conv N(0, sqrt(2/(R*S*out))), BN 1 and 0,
        linear U(+-1/sqrt(in)) and 0."""
        out = []
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                r, s = module.kernel_size
                out.append(("normal", math.sqrt(2 / (r * s * module.out_channels))))
            elif isinstance(module, nn.BatchNorm2d):
                out += [("one", 0), ("zero", 0)]
            elif isinstance(module, nn.Linear):
                out += [("uniform", 1 / math.sqrt(module.in_features)), ("zero", 0)]
        return out
