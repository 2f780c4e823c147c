"""A run on one card and the same run on two: python two.py FOLDER SHAKE MOST NET [-o key=value ...]. Exit code 1 if their weights end farther apart than MOST of how far they went.

Prints the speed of both, as the end of each run says it, and their ratio.
"""

import json
import pathlib
import subprocess
import sys

import read


def run(shake, net, device, out, *options):
    """Images a second of a run."""
    text = subprocess.run([shake, "run", net, "--device", device, "--out", out, "--json", *options], check=True, stdout=subprocess.PIPE, text=True).stdout
    end = [e for e in map(json.loads, text.splitlines()) if e["event"] == "end"][-1]
    return end["images_per_second"]


def main(folder, shake, most, net, *options):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    start = folder / "init.safetensors"
    subprocess.run([shake, "export", net, start, "--init", "1", *options], check=True)
    for device in ("gpu:0", "gpu:0,1"):
        run(shake, net, device, folder / f"ten-{device}", "-o", "train.max_steps=10", "--weights", start, *options)
    text, passed = read.same(folder / "ten-gpu:0,1" / "last.safetensors", folder / "ten-gpu:0" / "last.safetensors", start, float(most))
    one, two = (run(shake, net, device, folder / f"speed-{device}", *options) for device in ("gpu:0", "gpu:0,1"))
    print(f"two: {one:.0f} img/s on one card, {two:.0f} on two: {two / one:.2f} times; ten steps: {text}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
