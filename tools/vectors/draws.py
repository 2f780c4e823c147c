"""Every draw of ten steps of internal/engine/testdata/draws-*.toml, by docs/formats.md and numpy
alone, into CASE.json beside it: TestDraws of internal/engine compares its own with them, bit for
bit.

    python tools/vectors/draws.py            # writes the files
    python tools/vectors/draws.py --check    # compares, and writes nothing

    params      of every parameter, by number: name, shape, CRC-32 of its initial float32 bytes
    validation  the images kept out of training
    steps       of every step: images in order, flip, dy, dx, holes, mixup, dropout by number and
                image as the CRC-32 of its factors (float64, C×H×W), and alpha and beta by block,
                branch and image as hexadecimal floats

numbers.json has the same of every built-in network's parameters without their weights: how many,
and the CRC-32 of the lines "NAME K×C×R×S", by number.
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
from numbering import NETS, Numbering, load  # noqa: E402

TESTDATA = ROOT / "internal" / "engine" / "testdata"
STEPS = 10


def mixup(seed, i, n, a):
    """The weight and the partners of a batch, if images are mixed."""
    if not a:
        return {}
    weight, partner = philox.mixup(seed, i, n, a)
    return {"mixup": {"weight": weight.hex(), "partner": partner.tolist()}}


def dropout(seed, i, n, dropouts):
    """The factors of every dropout, if there are any."""
    if not dropouts:
        return {}
    factors = [philox.dropout(seed, i, number, 0, (n, *chw), rate) for number, (*chw, rate) in enumerate(dropouts)]
    return {"dropout": [[zlib.crc32(image.astype("<f8").tobytes()) for image in f] for f in factors]}


def step(spec, numbering, i):
    """Everything random in step i, which counts from 0."""
    seed, train, data = spec["seed"], spec["train"], spec["data"]
    n, size = data["train_images"] - data.get("validation", 0), train["batch"]
    epoch, at = divmod(i, -(-n // size))
    images = philox.permutation(seed, epoch + 1, n)[at * size : (at + 1) * size]
    flip, dy, dx = philox.augmentation(seed, i, len(images), data["crop"])
    holes = philox.holes(seed, i, len(images), 32, 32, data.get("cutout", 0), data.get("erase", 0))
    shake = {"level": "image", "range": [0.0, 1.0], "gate": 0.5, **spec["shake"]}
    shake.setdefault("backward_range", shake["range"])
    branches, blocks = spec["net"]["branches"], numbering.blocks
    draws = [philox.draws(seed, i, b, shake, branches, len(images), train["replicas"], blocks) for b in range(blocks)]
    text = lambda coefficients: [[[float(x).hex() for x in branch] for branch in c] for c in coefficients]
    return {
        "images": images.tolist(), "flip": flip.astype(int).tolist(), "dy": dy.tolist(), "dx": dx.tolist(), "holes": holes.tolist(),
        **mixup(seed, i, len(images), train.get("mixup", 0)),
        **dropout(seed, i, len(images), numbering.dropouts),
        "alpha": text(a for a, _ in draws), "beta": text(b for _, b in draws),
    }


def replay(spec):
    params, numbering = [], Numbering(spec["net"])
    for number, (name, shape, kind, scale) in enumerate(numbering.params):
        w = philox.initial(spec["seed"], number, kind, scale, math.prod(shape))
        params.append({"name": name, "shape": shape, "crc32": zlib.crc32(w.astype("<f4").tobytes())})
    kept = philox.split(spec["seed"], spec["data"]["train_images"], spec["data"])[1].tolist()
    return {"params": params, "validation": kept, "steps": [step(spec, numbering, i) for i in range(STEPS)]}


def numbers(path):
    """How many parameters a built-in network has, and the CRC-32 of their names and shapes."""
    spec = load(path)
    params = Numbering(spec["net"], 100 if spec["data"]["set"] == "cifar100" else 10).params
    lines = "".join(f"{name} {'×'.join(map(str, shape))}\n" for name, shape, *_ in params)
    return {"params": len(params), "crc32": zlib.crc32(lines.encode())}


def main():
    cases = sorted(TESTDATA.glob("draws-*.toml"))
    if not cases:
        sys.exit(f"no draws-*.toml in {TESTDATA}")
    text = lambda result: json.dumps(result, indent=None, separators=(",", ":"))
    files = {path.with_suffix(".json"): text(replay(tomllib.loads(path.read_text()))).replace('{"images"', '\n{"images"') for path in cases}
    files[TESTDATA / "numbers.json"] = text({path.stem: numbers(path) for path in sorted(NETS.glob("*.toml"))}).replace("},", "},\n")
    for out, result in files.items():
        if "--check" not in sys.argv:
            out.write_text(result + "\n")
        elif out.read_text() != result + "\n":
            sys.exit(f"{out}: docs/formats.md gives other numbers")


main()
