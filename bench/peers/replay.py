"""Replays a run of shake in PyTorch with the same random numbers and compares them.

    python bench/peers/replay.py NET --data DIR [--steps 10] [--device cpu] [--seeds 1]
                                     [-o key=value ...] [--epochs]

DIR holds CIFAR-10 in its binary format. `shake run NET` trains with one metrics line a step. The
twin takes the same images, initial weights, order, augmentation and draws, and prints both losses a
step. With --epochs both sides train whole epochs and the test errors are compared instead.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import torch

import model
import philox
from recipe import Trainer

ROOT = pathlib.Path(__file__).resolve().parents[2]


def cifar10(folder, train):
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
    raw = np.concatenate([np.fromfile(pathlib.Path(folder) / n, np.uint8).reshape(-1, 3073) for n in names])
    return raw[:, 1:].reshape(-1, 3, 32, 32), raw[:, 0].astype(np.int64)


def first(images, n):
    return tuple(a[:n] for a in images) if n else images


def shake(args, overrides, out):
    """Runs our side and returns its metrics lines and resolved spec."""
    command = [args.shake, "run", args.net, "--out", str(out), "--device", args.device, "--data", args.data]
    for o in overrides:
        command += ["-o", o]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"replay: {' '.join(command)}\n{done.stderr}")
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return lines, model.load(out / "config.toml")


def test_error(trainer, pix, labels, batch=250):
    wrong = sum(int((trainer.logits(pix[i : i + batch]).argmax(1).numpy() != labels[i : i + batch]).sum()) for i in range(0, len(pix), batch))
    return 100 * wrong / len(pix)


def replay(args, seed):
    with tempfile.TemporaryDirectory() as tmp:
        overrides = [*args.override, f"seed={seed}"]
        if not args.epochs:
            overrides += [f"train.max_steps={args.steps}", "train.log_steps=1"]
        lines, spec = shake(args, overrides, pathlib.Path(tmp) / "run")
    train = first(cifar10(args.data, True), spec["data"]["train_images"])
    trained = philox.split(seed, len(train[1]), spec["data"])[0]
    train = tuple(a[trained] for a in train)
    trainer = Trainer(spec, *train, dtype=torch.float64 if args.float64 else torch.float32, memory_format=torch.channels_last)
    if not args.epochs:
        for line in [line for line in lines if line["event"] == "step"]:
            loss, errors = trainer.step(line["step"] - 1)
            print(f"seed {seed} step {line['step']:4}  shake {line['loss']:.9f} {line['errors']:3}  "
                  f"torch {loss:.9f} {errors:3}  relative {abs(line['loss'] - loss) / loss:.1e}", flush=True)
        return None
    test = first(cifar10(args.data, False), spec["data"]["test_images"])
    pairs = []
    for line in [line for line in lines if line["event"] == "epoch"]:
        done = line["epoch"] * trainer.steps_per_epoch
        wrong = sum(trainer.step(s)[1] for s in range(done - trainer.steps_per_epoch, done))
        pairs.append((line["test_error"], test_error(trainer, *test)))
        print(f"seed {seed} epoch {line['epoch']}  train error: shake {line['train_error']:.2f} torch {100 * wrong / len(train[1]):.2f}  "
              f"test error: shake {pairs[-1][0]:.2f} torch {pairs[-1][1]:.2f}", flush=True)
    return pairs[-1]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("net")
    ap.add_argument("--data", required=True)
    ap.add_argument("--steps", type=int, default=10)
    ap.add_argument("--device", default="cpu")
    ap.add_argument("--seeds", type=int, default=1)
    ap.add_argument("--epochs", action="store_true")
    ap.add_argument("--float64", action="store_true")
    ap.add_argument("--shake", default=str(ROOT / "bin" / "shake"))
    ap.add_argument("-o", "--override", action="append", default=[])
    args = ap.parse_args()
    last = [replay(args, seed) for seed in range(1, args.seeds + 1)]
    if args.epochs:
        for name, errors in zip(("shake", "torch"), zip(*last)):
            print(f"{name}: test error {statistics.mean(errors):.2f}  ({' '.join(f'{e:.2f}' for e in errors)})")


if __name__ == "__main__":
    main()
