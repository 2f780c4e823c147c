"""Three steps of a net on the card and on the CPU, from the same weights: python agree.py FOLDER SHAKE MOST NET [-o key=value ...]. Exit code 1 if they differ by more than MOST."""

import pathlib
import subprocess
import sys

import read


def main(folder, shake, most, net, *options):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    subprocess.run([shake, "export", net, folder / "init.safetensors", "--init", "1", *options], check=True)
    for device in ("gpu", "cpu"):
        subprocess.run([shake, "run", net, "--device", device, "--weights", folder / "init.safetensors", "--out", folder / device, "-o", "train.max_steps=3", *options], check=True)
    text, passed = read.same(folder / "gpu" / "last.safetensors", folder / "cpu" / "last.safetensors", folder / "init.safetensors", float(most))
    print(f"agree: {text}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
