"""The numbers of parameters and dropouts by docs/formats.md, "Initial weights" and "Dropout".

A network is its table [net] as it is read from TOML: defaults and sizes are those of the page.
"""

import math
import pathlib
import re
import tomllib

NETS = pathlib.Path(__file__).resolve().parents[2] / "nets"


def load(path):
    """The tables of a file, over those of the file that it extends."""
    spec = tomllib.loads(path.read_text())
    if base := spec.pop("extends", None):
        return merged(load(NETS / (base.removesuffix(".toml") + ".toml")), spec)
    return spec


def merged(base, over):
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{k: merged(base[k], v) if k in base else v for k, v in over.items()}}


def size(said, w, c):
    """A number of channels or groups: of the width w or of the c channels that a layer reads."""
    if isinstance(said, int):
        return said
    times, unit, over = re.fullmatch(r"(\d*)(w|in)(?:/(\d+))?", said).groups()
    return int(times or 1) * {"w": w, "in": c}[unit] // int(over or 1)


def width_of(stage, b):
    if isinstance(stage["width"], int):
        return stage["width"]
    first, last = stage["width"]
    return first + math.floor((last - first) * b / max(1, stage["blocks"] - 1) + 1 / 2)


class Numbering:
    """params: (name, shape, kind, scale) of every parameter; dropouts: (c, h, w, rate); blocks: how
    many. All in the order of their numbers."""

    def __init__(self, net, classes=10, size=32, channels=3):
        self.net, self.params, self.dropouts, self.blocks = net, [], [], 0
        x = self.list("stem", net["stem"], (channels, size, size))
        for s, stage in enumerate(net["stage"]):
            stride = stage.get("stride", 2 if s else 1)
            if s and net.get("transition"):
                x = self.list(f"stages.{s}.transition", net["transition"], x, width_of(stage, 0), stride)
                stride = 1
            for b in range(stage["blocks"]):
                x = self.block(f"stages.{s}.{b}", x, width_of(stage, b), 1 if b else stride)
        (c, _, _), last = self.list("head", net["head"][:-2], x), len(net["head"]) - 1
        self.params.append((f"head.{last}.weight", (classes, c), "uniform", 1 / math.sqrt(c)))
        self.params.append((f"head.{last}.bias", (classes,), "zero", 0))

    def block(self, name, x, w, stride):
        self.blocks += 1
        z = self.list(name + ".before", self.net.get("before", []), x)
        for k in range(self.net["branches"]):
            y = self.list(f"{name}.branches.{k}", self.net["branch"], z, w, stride)
        skip, changes = self.net["skip"], x[0] != w or stride > 1
        if skip == "concat":
            return (x[0] + w, *y[1:])
        if changes and isinstance(skip, list):
            self.list(name + ".skip", skip, z, w, stride)
        elif changes and skip in ("two-flow", "conv"):
            for part, out in {"two-flow": {"a": w // 2, "b": w // 2}, "conv": {"conv": w}}[skip].items():
                self.conv(f"{name}.skip.{part}", (out, z[0], 1, 1))
            self.norm(name + ".skip.bn", w)
        return y

    def list(self, name, words, x, w=0, stride=1):
        """The layers of a list on x, which is (channels, height, width); what they make of it."""
        tables = [table(word) for word in words]
        takers = [t for t in tables if "kernel" in t and t.get("stride") is True]
        takers = takers or [t for t in tables if "kernel" in t and "stride" not in t][:1]
        for i, t in enumerate(tables):
            c, height, width = x
            if t["kind"] == "bn":
                self.norm(f"{name}.{i}", c)
            elif t["kind"] == "widen":
                x = (w, height, width)
            elif t["kind"] == "dropout":
                self.dropouts.append((*x, t["dropout"]))
            elif "kernel" in t:
                r, s = map(int, t["kernel"].split("x"))
                pool = t["kind"] != "conv"
                pad = t.get("pad", 0 if pool else (r - 1) // 2)
                takes = any(t is taker for taker in takers) and w > 0
                if pool and takes and stride == 1:
                    continue
                step = stride if takes else t.get("stride", r if pool else 1)
                out = c if pool else size(t.get("out", w), w, c)
                x = (out, (height + 2 * pad - r) // step + 1, (width + 2 * pad - s) // step + 1)
                if not pool:
                    self.conv(f"{name}.{i}", (out, c // size(t.get("groups", 1), w, c), r, s))
        return x

    def conv(self, name, shape):
        k, _, r, s = shape
        self.params.append((name + ".weight", shape, "normal", math.sqrt(2 / (r * s * k))))

    def norm(self, name, c):
        self.params += [(name + ".weight", (c,), "one", 0), (name + ".bias", (c,), "zero", 0)]


def table(word):
    """A layer as a table with its kind, and its kernel if it has one."""
    if isinstance(word, str):
        kind, kernel = re.fullmatch(r"(conv|maxpool|avgpool|[a-z]+)(\d+x\d+)?", word).groups()
        return {"kind": kind, **({"kernel": kernel} if kernel else {})}
    kind = next(k for k in ("conv", "maxpool", "avgpool", "dropout") if k in word)
    return {"kind": kind, **word, **({} if kind == "dropout" else {"kernel": word[kind]})}
