"""Times whole training steps of the PyTorch twin, or inference. A line on stdin is a number of
steps; the answer is the rates as JSON: a list of [img/s, images a core-second].

    python worker.py NET MODE BATCH [DEVICE [train|eval]]

MODE: eager, channels_last, compile, max-autotune or, on a card, reduce-overhead (compile, with the
parts that can be captured in graphs) and graph (channels_last, the whole step captured); with
"-bf16": under autocast.
DEVICE: cpu (a rate a step, by the clock) or cuda (one rate for all of a line's steps, by the card's
events).

The peer has every advantage: the images are in memory, normalised and augmented; the draws come
from torch.rand; one BN covers the whole batch. On a card its convolutions are tuned
(cudnn.benchmark, TF32) and no step waits for the host.
"""

import json
import sys
import time

import torch
from torch.nn import functional as F

from model import ShakeNet, load

WARM_UP = {"cpu": 1, "cuda": 50}


class Twin:
    """The network, a batch and an optimizer; step() trains once and returns the loss without
    waiting for it."""

    def __init__(self, name, mode, batch, device, phase):
        torch.manual_seed(0)
        spec = load(name)
        self.mode, self.half = mode.removesuffix("-bf16"), mode.endswith("-bf16")
        self.device, self.batch = device, batch
        memory = torch.contiguous_format if self.mode == "eager" else torch.channels_last
        self.net = ShakeNet(spec).to(device=device, memory_format=memory).train(phase == "train")
        self.x = torch.randn(batch, 3, 32, 32, device=device).contiguous(memory_format=memory)
        self.labels = torch.randint(0, spec["classes"], (batch,), device=device)
        t = spec["train"]
        self.sgd = torch.optim.SGD(self.net.parameters(), 0.01, t["momentum"], 0, t["weight_decay"], t["nesterov"], fused=True)
        self.blocks = len(self.net.blocks())
        self.even = spec["shake"]["forward"] == spec["shake"]["backward"] == "even"
        self.forward = self.net
        if self.mode == "compile":
            self.forward = torch.compile(self.net)
        elif self.mode in ("max-autotune", "reduce-overhead"):
            self.forward = torch.compile(self.net, mode=self.mode)

    def draws(self):
        """Coefficients of two branches, by block; None where nothing is drawn."""
        if self.even:
            return None
        u = torch.rand(self.blocks, self.batch, device=self.device)
        return [torch.stack([v, 1 - v]) for v in u.unbind()]

    @torch.inference_mode()
    def eval(self):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half):
            return self.forward(self.x).float().sum()

    def step(self):
        if self.mode in ("max-autotune", "reduce-overhead") and self.device == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half):
            loss = F.cross_entropy(self.forward(self.x, self.draws(), self.draws()).float(), self.labels)
        self.sgd.zero_grad(set_to_none=True)
        loss.backward()
        self.sgd.step()
        return loss

    def captured(self):
        """step as one CUDA graph."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(11):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        return graph.replay


def time_on_cpu(step, batch, n):
    rates = []
    for _ in range(n):
        start, cpu = time.perf_counter(), time.process_time()
        step().item()
        rates.append((batch / (time.perf_counter() - start), batch / (time.process_time() - cpu)))
    return rates


def time_on_card(step, batch, n):
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    cpu = time.process_time()
    start.record()
    for _ in range(n):
        step()
    end.record()
    end.synchronize()
    return [(1000 * batch * n / start.elapsed_time(end), batch * n / (time.process_time() - cpu))]


def main(name, mode, batch, device="cpu", phase="train"):
    if device == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    twin = Twin(name, mode, batch, device, phase)
    step = twin.eval if phase == "eval" else twin.captured() if twin.mode == "graph" else twin.step
    for _ in range(WARM_UP[device]):
        step()
    for line in sys.stdin:
        timed = time_on_card if device == "cuda" else time_on_cpu
        print(json.dumps(timed(step, batch, int(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:6])
