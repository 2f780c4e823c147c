"""The correlations of a network's branches by PyTorch and numpy: the paper's Figures 3 and 4.

    python bench/peers/correlate.py NET WEIGHTS.safetensors DIR [--images 1000] [--test FILE.bin]

NET is a TOML file, such as a run's config.toml, and WEIGHTS what `shake export` wrote. DIR holds
CIFAR-10 in its binary format. Prints a line of JSON for each pair: block, branches, layers (0 0: the
outputs), numpy's corrcoef of the flattened activations of the first test images.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from torch import nn

import model

LAYERS = 3


def layers(branch, x):
    """The first layers of a branch from its first convolution on, and its output: a convolution's
    output is a layer, and so is what the modules up to the next one make of it."""
    modules, found, begun = list(branch), [], False
    for i, module in enumerate(modules):
        x = module(x)
        conv = isinstance(module, nn.Conv2d)
        begun = begun or conv
        if begun and (conv or i + 1 == len(modules) or isinstance(modules[i + 1], nn.Conv2d)):
            found.append(x)
    return found[:LAYERS], x


def corrcoef(a, b):
    """NaN for tensors of different shapes."""
    if a.shape != b.shape:
        return float("nan")
    return float(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1])


def correlations(spec, weights, pix, dtype=torch.float64):
    """(block, left, right, left layer, right layer, correlation) of every pair of equal shapes, in
    shake's order. weights are tensors by name."""
    net = model.ShakeNet(spec).to(dtype).eval()
    missing, unknown = net.load_state_dict({k: torch.as_tensor(v) for k, v in weights.items()}, strict=False)
    if unknown or [m for m in missing if not m.endswith("num_batches_tracked")]:
        raise ValueError(f"weights of another network: missing {missing}, unknown {unknown}")
    mean, std = (np.array(spec["data"][k]).reshape(1, 3, 1, 1) for k in ("mean", "std"))
    seen = {}

    def watch(name):
        def hook(block, inputs):
            seen[name] = [layers(branch, inputs[0]) for branch in block.branches]

        return hook

    for s, stage in enumerate(net.stages):
        for b, block in enumerate(stage.blocks):
            block.register_forward_pre_hook(watch(f"stages.{s}.{b}"))
    with torch.no_grad():
        net(torch.from_numpy((pix.astype(np.float64) - mean) / std).to(dtype))
    out = []
    for name, branches in seen.items():
        branches = [([x.numpy() for x in ls], y.numpy()) for ls, y in branches]
        for left in range(len(branches)):
            for right in range(left + 1, len(branches)):
                (la, ya), (lb, yb) = branches[left], branches[right]
                pairs = [(0, 0, ya, yb)] + [(i + 1, j + 1, a, b) for i, a in enumerate(la) for j, b in enumerate(lb)]
                out += [(name, left, right, i, j, corrcoef(a, b)) for i, j, a, b in pairs if a.shape == b.shape]
    return out


def main():
    from safetensors.torch import load_file

    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("net")
    ap.add_argument("weights")
    ap.add_argument("data")
    ap.add_argument("--images", type=int, default=1000)
    args = ap.parse_args()
    raw = np.fromfile(pathlib.Path(args.data) / "test_batch.bin", np.uint8).reshape(-1, 3073)[: args.images]
    spec = model.load(pathlib.Path(args.net))
    for name, left, right, i, j, r in correlations(spec, load_file(args.weights), raw[:, 1:].reshape(-1, 3, 32, 32)):
        print(json.dumps({"block": name, "branches": [left, right], "layers": [i, j], "correlation": r}))


if __name__ == "__main__":
    main()
