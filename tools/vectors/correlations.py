"""Trains the networks of internal/engine/enginetest/testdata/correlate/*.toml with bin/shake and
writes NAME.json beside each: the exported weights, and numpy's corrcoef of what PyTorch in float64
makes of them. Training sees the built-in images; the test images are bytes of Philox, as in make.py.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file

from make import ROOT, images  # which puts bench/peers on the path
from correlate import correlations
from model import load

TESTDATA = ROOT / "internal" / "engine" / "enginetest" / "testdata" / "correlate"


def trained(net):
    """The weights of a run of shake."""
    shake = str(ROOT / "bin" / "shake")
    with tempfile.TemporaryDirectory() as tmp:
        run, file = pathlib.Path(tmp) / "run", pathlib.Path(tmp) / "weights.safetensors"
        for command in ([shake, "run", str(net), "--out", str(run), "--device", "cpu"], [shake, "export", str(run), str(file)]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return load_file(file)


def text(array):
    """The shortest decimals that are these float32."""
    return "[" + ",".join(np.format_float_positional(x, trim="-") for x in array.astype(np.float32).reshape(-1)) + "]"


def main():
    torch.set_num_threads(1)
    for path in sorted(TESTDATA.glob("*.toml")):
        spec = load(path)
        weights = trained(path)
        pix, _ = images(1000, spec["data"]["test_images"], spec)
        lines = [json.dumps({"name": name, "shape": list(w.shape)})[:-1] + ', "values": ' + text(w.numpy()) + "}" for name, w in weights.items()]
        pairs = [json.dumps({"block": block, "left": left, "right": right, "layers": [i, j], "correlation": r})
                 for block, left, right, i, j, r in correlations(spec, weights, pix)]
        path.with_suffix(".json").write_text('{"weights": [\n' + ",\n".join(lines) + '\n],\n"pairs": [\n' + ",\n".join(pairs) + "\n]}\n")
        print(f"{path.stem:20} {len(pairs)} pairs")


if __name__ == "__main__":
    main()
