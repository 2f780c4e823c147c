"""Times whole training steps of the PyTorch twin. Reads a number of steps a line on stdin, answers with img/s and images a core-second of each as JSON.

    python worker.py NET MODE BATCH     MODE: eager, channels_last, compile, max-autotune; with "-bf16": under autocast

The peer is given every advantage: the images are on hand, normalised and augmented; the draws come from torch.rand; one BN over the whole batch.
"""

import json
import sys
import time

import torch
from torch.nn import functional as F

from model import ShakeNet, load


def main(name, mode, batch):
    torch.manual_seed(0)
    spec = load(name)
    mode, _, half = mode.partition("-bf16") if mode.endswith("-bf16") else (mode, "", None)
    memory = torch.contiguous_format if mode == "eager" else torch.channels_last
    net = ShakeNet(spec).to(memory_format=memory).train()
    x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=memory)
    labels = torch.randint(0, spec["classes"], (batch,))
    t = spec["train"]
    sgd = torch.optim.SGD(net.parameters(), 0.01, t["momentum"], 0, t["weight_decay"], t["nesterov"], fused=True)
    blocks = len(net.blocks())
    forward = net
    if mode == "compile":
        forward = torch.compile(net)
    elif mode == "max-autotune":
        forward = torch.compile(net, mode="max-autotune")

    def draws():
        out = []
        for _ in range(blocks):
            u = torch.rand(batch)
            out.append(torch.stack([u, 1 - u]))
        return out

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=half is not None):
            loss = F.cross_entropy(forward(x, draws(), draws()).float(), labels)
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()
        return loss.item()

    step()
    for line in sys.stdin:
        rates = []
        for _ in range(int(line)):
            start, cpu = time.perf_counter(), time.process_time()
            step()
            rates.append((batch / (time.perf_counter() - start), batch / (time.process_time() - cpu)))
        print(json.dumps(rates), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
