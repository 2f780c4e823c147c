"""Speed of whole training steps, or of inference (--phase eval), against PyTorch, in one run, alternating.

    python bench/peers/compare.py NET [--batch N] [--modes eager,channels_last,compile,max-autotune] [--rounds 5] [--steps 3]
    python bench/peers/compare.py NET --modes channels_last-bf16,compile-bf16,max-autotune-bf16
    python bench/peers/compare.py NET --device cuda --modes eager-bf16,compile-bf16,max-autotune-bf16,graph-bf16 --steps 200

Round by round our benchmark and each mode of the peer take turns on all cores. Prints, as min/median/max, img/s and the ratio ours/peer of each
round, then the same of images a core-second (by the CPU time that the process used, waiting in a spin included), which neighbours on the machine
disturb less. As text or with --json. That both sides compute the same net is what replay.py beside this file shows.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Peer:
    def __init__(self, net, mode, batch, device, phase):
        self.p = subprocess.Popen([sys.executable, "-W", "ignore", str(HERE / "worker.py"), net, mode, str(batch), device, phase], cwd=HERE,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.step(1)

    def step(self, n):
        self.p.stdin.write(f"{n}\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            sys.exit(f"compare: the peer stopped; run worker.py by hand to see why: {self.p.args}")
        return json.loads(line)

    def memory(self):
        text = pathlib.Path(f"/proc/{self.p.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) / 1024


def ours(binary, net, batch, device, phase, steps):
    """(img/s, images a core-second) of our steps, and the process's peak memory in MB."""
    bench = {"cpu": f"^BenchmarkStep$/^{net}$", "cuda": f"^BenchmarkCardStep$/^{net}$/^bf16$"}[device]
    p = subprocess.Popen([binary, "-test.run=NONE", f"-test.bench={bench}/^{phase}$", f"-test.benchtime={steps}x"],
                         stdout=subprocess.PIPE, text=True, cwd=pathlib.Path(binary).parent, env={**os.environ, "SHAKE_BENCH_BATCH": str(batch)})
    out = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"compare: our benchmark failed:\n{out}")
    return [float(re.search(rf"([\d.]+) {unit}", out)[1]) for unit in ("img/s", "img/core-s")], usage.ru_maxrss / 1024


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("net")
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--modes", default="eager,channels_last,compile")
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--steps", type=int, default=3)
    ap.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    ap.add_argument("--phase", default="train", choices=["train", "eval"])
    ap.add_argument("--binary", help="our benchmarks, built by go test -c ./bench; built afresh if not given")
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    binary = a.binary and str(pathlib.Path(a.binary).resolve())
    if not binary:
        binary = str(ROOT / "build" / "bench.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./bench"], cwd=ROOT, check=True)
    peers = {m: Peer(a.net, m, a.batch, a.device, a.phase) for m in a.modes.split(",")}
    rates = {name: [] for name in ["shake", *peers]}
    for _ in range(a.rounds):
        rate, memory = ours(binary, a.net, a.batch, a.device, a.phase, a.steps)
        rates["shake"].append(rate)
        for mode, peer in peers.items():
            rates[mode].append([statistics.median(v) for v in zip(*peer.step(a.steps))])
    result = {"net": a.net, "batch": a.batch, "rounds": a.rounds, "memory_mb": {"shake": memory, **{m: p.memory() for m, p in peers.items()}}}
    for i, unit in enumerate(("img_per_s", "img_per_core_s")):
        values = {name: [r[i] for r in rs] for name, rs in rates.items()}
        result[unit] = {name: spread(v) for name, v in values.items()}
        result["ratio_" + unit] = {m: spread([o / p for o, p in zip(values["shake"], values[m])]) for m in peers}
    if a.json:
        print(json.dumps(result))
        return
    for unit, title in (("img_per_s", "img/s"), ("img_per_core_s", "img/core-s")):
        print(f"{title:16} {'min':>7} {'median':>7} {'max':>7}")
        for name, v in result[unit].items():
            ratio = result["ratio_" + unit].get(name)
            tail = f"   shake is {ratio['median']:.2f}x ({ratio['min']:.2f}-{ratio['max']:.2f})" if ratio else ""
            print(f"{name:16} {v['min']:7.1f} {v['median']:7.1f} {v['max']:7.1f}{tail}")
    print("memory, MB:      " + "  ".join(f"{name} {mb:.0f}" for name, mb in result["memory_mb"].items()))


if __name__ == "__main__":
    main()
