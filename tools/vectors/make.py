"""Runs every case of internal/engine/enginetest/testdata/*.toml in PyTorch and writes CASE.npz beside it.

A case is a network and a recipe; train.max_steps says how many steps. Its images are bytes of Philox, so nothing but results is stored, in float64:

    names                     the state's tensors, in order, one a line
    params, momentum, running the state after the last step, concatenated: momentum, which then is the gradient plus decay, after a single step, params
                              after several
    average                   with train.ema the average of params after the last step
    loss, errors              of every step: mean cross-entropy, wrong images
    logits                    of the test images after the last step
    float32                   distances of PyTorch's own float32 from its float64 in params, momentum, running, logits and loss, the
                              largest of several modes: narrow nets on few images amplify rounding, some modes more than others
"""

import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import philox  # noqa: E402
from model import load  # noqa: E402
from recipe import Trainer  # noqa: E402

TESTDATA = ROOT / "internal" / "engine" / "enginetest" / "testdata"
KINDS = ("params", "momentum", "running", "logits", "loss")
FLOAT32_MODES = [(layout, onednn) for layout in (torch.contiguous_format, torch.channels_last) for onednn in (True, False)]
CONDITION = 5e-6  # a one-step case's gradients are no further off in PyTorch's default mode
MARGIN = 2e-6  # no input of a ReLU in a one-step case is nearer to zero, in rms of its tensor


def images(first, n, spec):
    """n images and labels: pixel bytes are the words of key 99 and counter (first + image, 0, element / 16, 0), low byte first; label (7 * image + 3) % classes."""
    data = spec["data"]
    c, size = data.get("channels", 3), data.get("size", 32)
    ids = np.arange(first, first + n)
    words = philox.philox(99, ids[:, None], 0, np.arange((c * size * size + 15) // 16)[None], 0)
    pix = words.astype("<u4").view(np.uint8).reshape(n, -1)[:, : c * size * size].reshape(n, c, size, size)
    return pix, (7 * ids + 3) % spec["classes"]


def run(spec, dtype, layout=torch.contiguous_format):
    """Results of a case by kind; tensors of a kind stay apart."""
    pix, labels = images(0, spec["data"]["train_images"], spec)
    t = Trainer(spec, pix, labels, dtype, layout)
    steps = [t.step(i) for i in range(spec["train"]["max_steps"])]
    stat = lambda name: name.endswith(("running_mean", "running_var"))
    out = {
        "loss": [np.array([x for x, _ in steps])],
        "errors": [np.array([x for _, x in steps], np.float64)],
        "params": [p.detach() for p in t.net.parameters()] if len(steps) > 1 else [],
        "running": [b for buffers in t.buffers for name, b in buffers.items() if stat(name)],
    }
    out["names"] = t.names + ["momentum/" + n for n in t.names]
    out["average"] = [p.detach() for p in t.average.module.parameters()] if t.average else []
    out["names"] += ["average/" + n for n in t.names if t.average]
    out["names"] += [f"replica{r}/{n}" for r, buffers in enumerate(t.buffers) for n in buffers if stat(n)]
    out["momentum"] = [t.sgd.state[p]["momentum_buffer"] for p in t.net.parameters()] if len(steps) == 1 else []
    out["logits"] = [t.logits(images(1000, spec["data"]["test_images"], spec)[0])]
    for kind in (*KINDS, "average"):
        out[kind] = [torch.as_tensor(x).to(torch.float64).numpy().reshape(-1) for x in out[kind]]
    return out


def relu_margin(spec):
    """How near any input of a ReLU comes to zero in the first step, relative to the rms of its tensor. Nearer than float32 rounds, the gradient jumps; zeros themselves stay zeros."""
    nearest, relu = [1.0], F.relu

    def watched(x, inplace=False):
        nearest.append((x[x != 0].abs().min() / x.square().mean().sqrt()).item())
        return relu(x)

    F.relu = watched
    try:
        run({**spec, "train": {**spec["train"], "max_steps": 1}}, torch.float64)
    finally:
        F.relu = relu
    return min(nearest)


def distance(kind, have, want):
    """The largest rms difference of a tensor, relative to its rms or to a hundredth of the rms of its kind: some gradients and means are zero but for rounding."""
    if kind == "loss":
        return np.max(np.abs(have[0] - want[0]) / np.abs(want[0]))
    rms = lambda x: np.sqrt(np.mean(np.square(x)))
    floor = 0.01 * rms(np.concatenate(want)) if want else 0
    return max((rms(h - w) / max(rms(w), floor) for h, w in zip(have, want)), default=0.0)


def main():
    only = sys.argv[1:]
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for path in sorted(TESTDATA.glob("*.toml")):
        if path.stem == "base" or only and path.stem not in only:
            continue
        spec = load(path)
        if spec["train"]["max_steps"] == 1 and (margin := relu_margin(spec)) < MARGIN:
            sys.exit(f"{path}: an input of a ReLU is {margin:.1e} from zero; choose another seed")
        want = run(spec, torch.float64)
        float32 = np.zeros(len(KINDS))
        for layout, onednn in FLOAT32_MODES:
            with torch.backends.mkldnn.flags(enabled=onednn):
                have = run(spec, torch.float32, layout)
            distances = [distance(k, have[k], want[k]) for k in KINDS]
            if (layout, onednn) == FLOAT32_MODES[0] and distances[1] > CONDITION:
                sys.exit(f"{path}: float32 gradients are {distances[1]:.1e} off; choose another seed")
            float32 = np.maximum(float32, distances)
        arrays = {k: np.concatenate([np.empty(0), *want[k]]) for k in (*KINDS, "average", "errors") if want[k] or k != "average"}
        np.savez_compressed(path.with_suffix(".npz"), names=np.frombuffer("\n".join(want["names"]).encode(), np.uint8), float32=float32, **arrays)
        print(f"{path.stem:20}", "  ".join(f"{k} {d:.1e}" for k, d in zip(KINDS, float32)))


if __name__ == "__main__":
    main()
