"""Trains a network of shake in PyTorch by the same recipe, with the same random numbers.

    python bench/peers/train.py NET.toml --data DIR --out RUN [--seed 1] [--threads 1] [--eval-every N]

DIR holds CIFAR-10 in its binary format. RUN becomes a run directory as shake reads it: config.toml,
metrics.jsonl with a line an epoch, run.json. So the twin of a sweep stands beside it:

    shake report runs/small --against runs/small-pytorch

where runs/small-pytorch has the sweep.toml and the net.toml files of runs/small and a directory
ROW/seed-N of each run. Started again, it goes on after the last whole epoch (state.pt); a finished
run is left as it is.
"""

import argparse
import datetime
import hashlib
import json
import math
import os
import pathlib
import platform
import re
import sys
import time

import numpy as np
import torch

import model
import philox
from recipe import Trainer
from replay import cifar10, first, test_error


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def fingerprint(spec, pix, labels):
    """The SHA-256 of pixels, labels and normalisation that shake puts into run.json."""
    h = hashlib.sha256(np.ascontiguousarray(pix).tobytes())
    h.update(labels.astype("<u2").tobytes())
    numbers = lambda xs: "[" + " ".join(repr(float(x)).removesuffix(".0") for x in xs) + "]"
    h.update(f"{len(labels)} {' '.join(map(str, pix.shape[1:]))} {numbers(spec['data']['mean'])} {numbers(spec['data']['std'])}".encode())
    return h.hexdigest()


def replace(path, text):
    """A file is whole or the old one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


class Run:
    """A run directory, and the training in it."""

    def __init__(self, args):
        self.dir = pathlib.Path(args.out)
        self.dir.mkdir(parents=True, exist_ok=True)
        text = re.sub(r"(?m)^seed\s*=.*\n", "", pathlib.Path(args.net).read_text())
        if "extends" in text:
            sys.exit(f"train: {args.net} extends another file: want a resolved one, such as a run's config.toml or a sweep's net.toml")
        (self.dir / "config.toml").write_text(f"seed = {args.seed}\n{text}")
        self.spec = model.load(self.dir / "config.toml")
        self.train = first(cifar10(args.data, True), self.spec["data"]["train_images"])
        kept = philox.split(args.seed, len(self.train[1]), self.spec["data"])[0]
        self.train = tuple(a[kept] for a in self.train)
        self.test = first(cifar10(args.data, False), self.spec["data"]["test_images"])
        self.eval_every = args.eval_every or self.spec["train"].get("eval_every", 1)
        self.trainer = Trainer(self.spec, *self.train, memory_format=torch.channels_last)
        self.record = {
            "name": self.spec.get("name", pathlib.Path(args.net).stem), "status": "running", "version": f"PyTorch {torch.__version__}",
            "go": "", "platform": f"{platform.system().lower()}/{platform.machine()}", "device": "pytorch",
            "detail": f"{torch.backends.cpu.get_cpu_capability().lower()}, {args.threads} threads", "workers": args.threads,
            "seed": args.seed, "parameters": sum(p.numel() for p in self.trainer.net.parameters()), "data": str(args.data),
            "train_data": fingerprint(self.spec, *self.train), "test_data": fingerprint(self.spec, *self.test),
            "started": now(), "updated": now(), "seconds": 0.0, "steps": 0, "epochs": 0,
        }
        self.lines = []

    def resume(self):
        """Takes the last whole epoch up, if there is one of the same network and data."""
        if not (self.dir / "state.pt").exists():
            return
        state = torch.load(self.dir / "state.pt", weights_only=True)
        same = ("seed", "parameters", "train_data")
        if state["spec"] != json.dumps(self.spec, sort_keys=True) or any(state["record"][k] != self.record[k] for k in same):
            sys.exit(f"train: {self.dir}: its state is of another network, seed or data")
        self.record, self.lines = state["record"], state["lines"]
        self.trainer.net.load_state_dict(state["net"])
        self.trainer.buffers = state["buffers"]
        self.trainer.sgd.load_state_dict(state["sgd"])
        if self.trainer.average:
            self.trainer.average.load_state_dict(state["average"])

    def save(self):
        self.record["updated"] = now()
        state = {"spec": json.dumps(self.spec, sort_keys=True), "record": self.record, "lines": self.lines, "net": self.trainer.net.state_dict(),
                 "buffers": self.trainer.buffers, "sgd": self.trainer.sgd.state_dict()}
        if self.trainer.average:
            state["average"] = self.trainer.average.state_dict()
        torch.save(state, self.dir / "state.pt.tmp")
        os.replace(self.dir / "state.pt.tmp", self.dir / "state.pt")
        replace(self.dir / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in self.lines))
        replace(self.dir / "run.json", json.dumps(self.record, indent=2) + "\n")

    def epoch(self):
        """Trains and tests one epoch."""
        begun, steps, n = time.monotonic(), self.trainer.steps_per_epoch, len(self.train[1])
        batch = self.spec["train"]["batch"]
        loss, wrong = 0.0, 0
        for step in range(self.record["steps"], self.record["steps"] + steps):
            mean, errors = self.trainer.step(step)
            if not math.isfinite(mean):
                self.record |= {"status": "diverged", "diverged": {"epoch": self.record["epochs"] + 1, "iteration": step}}
                return
            i = step % steps * batch
            loss, wrong = loss + mean * (min(i + batch, n) - i), wrong + errors
        self.record["steps"] += steps
        self.record["epochs"] += 1
        last = self.record["epochs"] == self.spec["train"]["epochs"]
        tested = None
        if last or self.record["epochs"] % self.eval_every == 0:
            tested = test_error(self.trainer, *self.test)
        self.record["seconds"] += time.monotonic() - begun
        self.lines.append({"event": "epoch", "epoch": self.record["epochs"], "step": self.record["steps"], "train_loss": loss / n,
                           "train_error": 100 * wrong / n, "test_error": tested, "test_images": len(self.test[1]) if tested is not None else 0,
                           "lr": self.trainer.sgd.param_groups[0]["lr"]})
        shown = "" if tested is None else f"test error {tested:.2f}%  "
        print(f"{self.dir}: epoch {self.record['epochs']}/{self.spec['train']['epochs']}  train error {100 * wrong / n:.2f}%  "
              f"{shown}{self.record['seconds']:.0f} s", flush=True)
        if last:
            self.record |= {"status": "finished", "train_error": 100 * wrong / n, "test_error": tested}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("net")
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--eval-every", type=int, help="epochs between tests (default: train.eval_every); the last one is always tested")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # an eighth of the time
    run = Run(args)
    run.resume()
    while run.record["status"] == "running":
        run.epoch()
        run.save()


if __name__ == "__main__":
    main()
