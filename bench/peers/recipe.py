"""The recipe of a spec in PyTorch: data order, augmentation, draws, schedule, SGD and replicas,
with shake's own random numbers."""

import math

import numpy as np
import torch
from torch.func import functional_call
from torch.nn import functional as F

import philox
from model import Dropout, ShakeNet


def lr(train, step, steps_per_epoch):
    """Learning rate of a step, which counts from 0."""
    start, before = 0, 0.0
    for phase in train["warmup"]:
        n = phase["epochs"] * steps_per_epoch
        if step < start + n:
            return before + (phase["lr"] - before) * (step - start + 1) / n if phase.get("ramp") else phase["lr"]
        start, before = start + n, phase["lr"]
    steps = train["epochs"] * steps_per_epoch
    turns = [round(m * steps) if m < 1 else m * steps_per_epoch for m in train.get("milestones", [])]
    done = [t for t in turns if t <= step]
    if train["schedule"] == "constant":
        return train["lr"]
    if train["schedule"] == "step":
        return train["lr"] * train.get("factor", 0.1) ** len(done)
    start, end = max(done, default=0), min((t for t in turns if t > step), default=steps)
    return 0.5 * train["lr"] * (1 + math.cos(math.pi * (step + 1 - start) / (end - start)))


class Trainer:
    """One run of a spec on pix (uint8 N,3,32,32) and labels. Statistics and draws are per replica;
    the loss is the mean of the whole batch."""

    def __init__(self, spec, pix, labels, dtype=torch.float32, memory_format=torch.contiguous_format):
        self.spec, self.dtype, self.pix, self.labels = spec, dtype, pix, np.asarray(labels)
        self.format = memory_format
        torch.manual_seed(0)
        self.net = ShakeNet(spec).to(dtype=dtype, memory_format=memory_format)
        self.names = [name for name, _ in self.net.named_parameters()]
        for number, (p, (kind, scale)) in enumerate(zip(self.net.parameters(), self.net.initializations(), strict=True)):
            w = philox.initial(spec["seed"], number, kind, scale, p.numel())
            p.data.copy_(torch.from_numpy(w).to(dtype).view(p.shape))
        self.replicas = spec["train"]["replicas"]
        self.buffers = [{k: b.clone() for k, b in self.net.named_buffers()} for _ in range(self.replicas)]
        t = spec["train"]
        self.sgd = torch.optim.SGD(self.net.parameters(), t["lr"], t["momentum"], 0, t["weight_decay"], t["nesterov"])
        self.average = None  # torch's own form of an exponential average of the weights
        if keep := t.get("ema", 0):
            self.average = torch.optim.swa_utils.AveragedModel(
                self.net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(keep))
        self.steps_per_epoch = -(-len(self.labels) // t["batch"])

    def normalized(self, pix):
        data = self.spec["data"]
        mean, std = (np.array(data[k]).reshape(1, -1, 1, 1) for k in ("mean", "std"))
        return (pix.astype(np.float64) - mean) / std

    def tensor(self, x):
        return torch.from_numpy(x).to(self.dtype).contiguous(memory_format=self.format)

    def batch(self, step):
        """Images and labels of a step: normalised, flipped, padded with zeros, cropped."""
        data, size = self.spec["data"], self.spec["train"]["batch"]
        epoch, i = divmod(step, self.steps_per_epoch)
        n = len(self.labels)
        order = philox.permutation(self.spec["seed"], epoch + 1, n) if data["shuffle"] else np.arange(n)
        chosen = order[i * size : (i + 1) * size]
        x = self.normalized(self.pix[chosen])
        if data["augment"]:
            crop = data["crop"]
            flip, dy, dx = philox.augmentation(self.spec["seed"], step, len(chosen), crop)
            if data["flip"]:
                x[flip] = x[flip, :, :, ::-1]
            h, w = x.shape[2:]
            padded = np.pad(x, ((0, 0), (0, 0), (crop, crop), (crop, crop)))
            x = np.stack([p[:, a : a + h, b : b + w] for p, a, b in zip(padded, dy, dx)])
            holes = philox.holes(self.spec["seed"], step, len(chosen), h, w, data.get("cutout", 0), data.get("erase", 0))
            for image, pair in zip(x, holes):
                for y0, y1, x0, x1 in pair:
                    image[:, y0:y1, x0:x1] = 0
        return x, self.labels[chosen]

    def step(self, step):
        """One iteration; returns the mean loss and the number of wrong images."""
        x, labels = self.batch(step)
        n, mixup = len(labels), self.spec["train"].get("mixup", 0)
        if mixup:
            weight, partner = philox.mixup(self.spec["seed"], step, n, mixup)
            x, others = weight * x + (1 - weight) * x[partner], torch.from_numpy(labels[partner])
        x, labels = self.tensor(x), torch.from_numpy(labels)
        alpha, beta = zip(*(philox.draws(self.spec["seed"], step, i, self.spec["shake"], len(b.branches), n, self.replicas, len(self.net.blocks()))
                            for i, b in enumerate(self.net.blocks())))
        self.net.train()
        dropouts = [m for m in self.net.modules() if isinstance(m, Dropout)]
        bounds = philox.replica_bounds(n, self.replicas)
        logits = []
        for r, (lo, hi) in enumerate(zip(bounds, bounds[1:])):
            for number, m in enumerate(dropouts):
                m.draw = lambda rate, x, number=number, lo=lo: torch.from_numpy(
                    philox.dropout(self.spec["seed"], step, number, lo, x.shape, rate)).to(x.dtype)
            if lo < hi:
                a, b = ([torch.from_numpy(c[:, lo:hi].copy()).to(self.dtype) for c in cs] for cs in (alpha, beta))
                logits.append(functional_call(self.net, self.buffers[r], (x[lo:hi], a, b)))
        logits = torch.cat(logits)
        loss_of = lambda y: F.cross_entropy(logits, y, label_smoothing=self.spec["train"].get("label_smoothing", 0.0))
        loss, counted = loss_of(labels), labels
        if mixup:
            loss = weight * loss + (1 - weight) * loss_of(others)
            counted = labels if weight >= 0.5 else others
        self.sgd.zero_grad()
        loss.backward()
        if clip := self.spec["train"].get("clip", 0):
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), clip)
        for group in self.sgd.param_groups:
            group["lr"] = lr(self.spec["train"], step, self.steps_per_epoch)
        self.sgd.step()
        if self.average:
            self.average.update_parameters(self.net)
        return loss.item(), int((logits.argmax(1) != counted).sum())

    def logits(self, pix):
        """Logits of test images with replica 0's running statistics."""
        self.net.eval()
        with torch.no_grad():
            return functional_call(self.net, self.buffers[0], (self.tensor(self.normalized(pix)),))
