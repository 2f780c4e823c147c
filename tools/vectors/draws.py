"""Every draw of ten steps of internal/engine/testdata/draws-*.toml, by docs/formats.md and numpy
alone, into CASE.json beside it: TestDraws of internal/engine compares its own with them, bit for
bit.

    python tools/vectors/draws.py            # writes the files
    python tools/vectors/draws.py --check    # compares, and writes nothing

    params    of every parameter, by number: name, shape, CRC-32 of its initial float32 bytes
    validation  the images kept out of training
    steps     of every step: images in order, flip, dy, dx, holes, mixup, and alpha and beta by block, branch and
              image as hexadecimal floats
"""

import json
import math
import pathlib
import sys
import tomllib
import zlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import philox  # noqa: E402

TESTDATA = ROOT / "internal" / "engine" / "testdata"
STEPS = 10


def conv(name, word, cin, width):
    """Parameters of a conv, and its output channels."""
    table = {"conv": word[4:]} if isinstance(word, str) else word
    r, s = map(int, table["conv"].split("x"))
    out = table.get("out", width)
    shape = (out, cin // table.get("groups", 1), r, s)
    return [(name + ".weight", shape, "normal", math.sqrt(2 / (r * s * out)))], out


def norm(name, c):
    return [(name + ".weight", (c,), "one", 0), (name + ".bias", (c,), "zero", 0)]


def layers(name, words, c, width=0):
    """Parameters of a list of layers, and its output channels."""
    params = []
    for i, word in enumerate(words):
        if word == "bn":
            params += norm(f"{name}.{i}", c)
        elif word not in ("relu", "avgpool", "linear"):
            more, c = conv(f"{name}.{i}", word, c, width)
            params += more
    return params, c


def skip(name, kind, cin, width):
    one = {"conv": "1x1"}
    if kind == "two-flow":
        a, b = (conv(f"{name}.{flow}", {**one, "out": width // 2}, cin, 0)[0] for flow in "ab")
        return a + b + norm(name + ".bn", width)
    return conv(name + ".conv", {**one, "out": width}, cin, 0)[0] + norm(name + ".bn", width)


def parameters(net, classes):
    """(name, shape, kind, scale) of every parameter, in the order of their numbers."""
    params, c = layers("stem", net["stem"], 3)
    for s, stage in enumerate(net["stage"]):
        width, stride = stage["width"], stage.get("stride", 2 if s else 1)
        for b in range(stage["blocks"]):
            for k in range(net["branches"]):
                params += layers(f"stages.{s}.{b}.branches.{k}", net["branch"], c, width)[0]
            if net["skip"] in ("two-flow", "conv") and (c != width or b == 0 and stride > 1):
                params += skip(f"stages.{s}.{b}.skip", net["skip"], c, width)
            c = width
    params += layers("head", net["head"], c)[0]
    name = f"head.{len(net['head']) - 1}"
    return params + [(name + ".weight", (classes, c), "uniform", 1 / math.sqrt(c)), (name + ".bias", (classes,), "zero", 0)]


def blocks(net):
    return sum(stage["blocks"] for stage in net["stage"])


def mixup(seed, i, n, a):
    """The weight and the partners of a batch, if images are mixed."""
    if not a:
        return {}
    weight, partner = philox.mixup(seed, i, n, a)
    return {"mixup": {"weight": weight.hex(), "partner": partner.tolist()}}


def step(spec, i):
    """Everything random in step i, which counts from 0."""
    seed, train, data, net = spec["seed"], spec["train"], spec["data"], spec["net"]
    n, size = data["train_images"] - data.get("validation", 0), train["batch"]
    epoch, at = divmod(i, -(-n // size))
    images = philox.permutation(seed, epoch + 1, n)[at * size : (at + 1) * size]
    flip, dy, dx = philox.augmentation(seed, i, len(images), data["crop"])
    holes = philox.holes(seed, i, len(images), 32, 32, data.get("cutout", 0), data.get("erase", 0))
    shake = {"level": "image", "range": [0.0, 1.0], **spec["shake"]}
    draws = [philox.draws(seed, i, b, shake, net["branches"], len(images), train["replicas"]) for b in range(blocks(net))]
    text = lambda coefficients: [[[float(x).hex() for x in branch] for branch in c] for c in coefficients]
    return {
        "images": images.tolist(), "flip": flip.astype(int).tolist(), "dy": dy.tolist(), "dx": dx.tolist(), "holes": holes.tolist(),
        **mixup(seed, i, len(images), train.get("mixup", 0)),
        "alpha": text(a for a, _ in draws), "beta": text(b for _, b in draws),
    }


def replay(spec):
    params = []
    for number, (name, shape, kind, scale) in enumerate(parameters(spec["net"], 10)):
        w = philox.initial(spec["seed"], number, kind, scale, math.prod(shape))
        params.append({"name": name, "shape": shape, "crc32": zlib.crc32(w.astype("<f4").tobytes())})
    kept = philox.split(spec["seed"], spec["data"]["train_images"], spec["data"])[1].tolist()
    return {"params": params, "validation": kept, "steps": [step(spec, i) for i in range(STEPS)]}


def main():
    cases = sorted(TESTDATA.glob("draws-*.toml"))
    if not cases:
        sys.exit(f"no draws-*.toml in {TESTDATA}")
    for path in cases:
        text = json.dumps(replay(tomllib.loads(path.read_text())), indent=None, separators=(",", ":")).replace('{"images"', '\n{"images"') + "\n"
        out = path.with_suffix(".json")
        if "--check" not in sys.argv:
            out.write_text(text)
        elif out.read_text() != text:
            sys.exit(f"{out}: docs/formats.md gives other numbers")


main()
