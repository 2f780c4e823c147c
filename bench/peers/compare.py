"""Speed of whole training steps, or of inference (--phase eval), against PyTorch, in one run,
alternating.

    python bench/peers/compare.py NET [--batch N] [--rounds 5] [--steps 3]
                                      [--modes eager,channels_last,compile,max-autotune]
    python bench/peers/compare.py NET --modes channels_last-bf16,compile-bf16,max-autotune-bf16
    python bench/peers/compare.py NET --device cuda --steps 200
                                      --modes channels_last-bf16,compile-bf16,reduce-overhead-bf16,graph-bf16

The modes start at once, each a process of its own, and wait once they are warm. With --apart they
start one after the other, so that none tunes itself while another uses the card. Ours follows.
Then, round by round, they take turns on all cores. A mode that is not warm in time (--ready), that
stops or that hangs (--patience) is left out, with the reason, and the exit code shows it. --hold
waits for a line on stdin before ours starts, and leaves out the modes that are not warm by then:
another program may need the machine while the modes warm up.

Each round prints the results so far as min/median/max: img/s and the ratio ours/peer of each round.
Then it prints the same of images a core-second (by the CPU time of the process, waiting in a spin
included), which neighbours on the machine disturb less. The form is text, or with --json a line of
JSON a round. replay.py beside this file shows that both sides compute the same net.
"""

import argparse
import json
import os
import pathlib
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Lost(Exception):
    """A side has given no answer."""


class Side:
    """A process that times steps. A line on its stdin is their number; its stdout gives the rates
    as JSON."""

    def __init__(self, name, command, cwd, env=None):
        self.name, self.errors, self.rest = name, tempfile.TemporaryFile(), b""
        self.p = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.ask(1)  # the answer comes when the process is warm

    def ask(self, steps):
        try:
            self.p.stdin.write(f"{steps}\n".encode())
            self.p.stdin.flush()
        except BrokenPipeError:
            pass  # answer() gives the reason

    def answer(self, until):
        """The rates; raises Lost without rates by that time."""
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.p.stdout], [], [], max(0, until - time.monotonic()))
            if not ready:
                self.p.kill()
                raise Lost("did not answer in time")
            more = os.read(self.p.stdout.fileno(), 1 << 16)
            if not more:
                raise Lost(f"stopped ({self.p.wait()}): {self.last()}")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError:
            self.p.kill()
            raise Lost(f"said {line.decode(errors='replace')[:200]!r}; {self.last()}") from None

    def last(self):
        """The last lines of its stderr."""
        self.errors.seek(0)
        return " | ".join(self.errors.read().decode(errors="replace").strip().splitlines()[-3:]) or "it wrote nothing to stderr"

    def memory(self):
        """Peak resident memory in MB."""
        text = pathlib.Path(f"/proc/{self.p.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) / 1024


def ours(a, binary):
    command = [binary, "-test.run=^TestServe$", "-test.timeout=0", f"-serve={a.net},{a.device},{a.phase}"]
    return Side("shake", command, pathlib.Path(binary).parent, {"SHAKE_BENCH_BATCH": str(a.batch)})


def peer(a, mode):
    return Side(mode, [sys.executable, "-W", "ignore", str(HERE / "worker.py"), a.net, mode, str(a.batch), a.device, a.phase], HERE)


def warm(a, binary, lost):
    """All sides that are ready to be timed, ours first."""
    sides, until = [], time.monotonic() + a.ready

    def ready(side):
        try:
            side.answer(until)
        except Lost as why:
            drop(sides, lost, side, why)

    for mode in a.modes.split(","):
        sides.append(peer(a, mode))
        if a.apart:
            ready(sides[-1])
    if a.hold:
        sys.stdin.readline()
        until = min(until, time.monotonic() + 5)  # a short time for the answers on their way
    if not a.apart:
        for side in list(sides):
            ready(side)
    until = time.monotonic() + a.ready
    sides.insert(0, ours(a, binary))
    ready(sides[0])
    return sides


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def result(a, sides, rates, lost):
    """The results so far."""
    r = {"net": a.net, "batch": a.batch, "rounds": len(rates["shake"]), "memory_mb": {s.name: s.memory() for s in sides}, "warmed": "apart" if a.apart else "together", "lost": lost}
    peers = [s.name for s in sides if s.name != "shake"]
    for i, unit in enumerate(("img_per_s", "img_per_core_s")):
        values = {name: [x[i] for x in rates[name]] for name in ["shake", *peers]}
        r[unit] = {name: spread(v) for name, v in values.items()}
        r["ratio_" + unit] = {m: spread([o / p for o, p in zip(values["shake"], values[m])]) for m in peers}
    return r


def show(r):
    for unit, title in (("img_per_s", "img/s"), ("img_per_core_s", "img/core-s")):
        print(f"{title:20} {'min':>7} {'median':>7} {'max':>7}")
        for name, v in r[unit].items():
            ratio = r["ratio_" + unit].get(name)
            tail = f"   shake is {ratio['median']:.2f}x ({ratio['min']:.2f}-{ratio['max']:.2f})" if ratio else ""
            print(f"{name:20} {v['min']:7.1f} {v['median']:7.1f} {v['max']:7.1f}{tail}")
    print("memory, MB:          " + "  ".join(f"{name} {mb:.0f}" for name, mb in r["memory_mb"].items()))
    print(f"rounds:              {r['rounds']}", flush=True)


def drop(sides, lost, side, why):
    """Goes on without a side; without ours the comparison ends."""
    print(f"compare: {side.name} {why}", file=sys.stderr, flush=True)
    lost[side.name] = str(why)
    sides.remove(side)
    if side.name == "shake":
        finish(sides)
        sys.exit("compare: our side is lost")


def finish(sides):
    for s in sides:
        s.p.kill()


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
    ap.add_argument("--ready", type=float, default=3600, help="seconds that the sides may take to warm up")
    ap.add_argument("--patience", type=float, default=600, help="seconds that a side may take for a round")
    ap.add_argument("--apart", action="store_true", help="start a side when the one before is warm")
    ap.add_argument("--hold", action="store_true", help="wait for a line on stdin before ours is started, and leave out the modes that are not warm by then")
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    binary = a.binary and str(pathlib.Path(a.binary).resolve())
    if not binary:
        binary = str(ROOT / "build" / "bench.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./bench"], cwd=ROOT, check=True)
    lost = {}
    sides = warm(a, binary, lost)
    rates = {s.name: [] for s in sides}
    for _ in range(a.rounds):
        for s in list(sides):
            s.ask(a.steps)
            try:
                rates[s.name].append([statistics.median(v) for v in zip(*s.answer(time.monotonic() + a.patience))])
            except Lost as why:
                drop(sides, lost, s, why)
        r = result(a, sides, rates, lost)
        if a.json:
            print(json.dumps(r), flush=True)
        else:
            show(r)
    finish(sides)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
