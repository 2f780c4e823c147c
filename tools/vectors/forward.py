"""The logits of two images by PyTorch in float64, of the built-in networks that are the paper's
rivals, at full size from their initial weights, into
internal/engine/enginetest/testdata/forward.json. TestForward of internal/engine/cpu compares.

    python tools/vectors/forward.py            # all networks, some minutes
    python tools/vectors/forward.py resnet20   # some, the others' logits stay

The networks are written down in definitions.py and densenet.py as their papers have them; their
weights are those that bin/shake exports. The twin of bench/peers, which reads nets/, is held to
them, with these weights and with BNs that are no identities: of the initial weights alone the order
of BN and ReLU cannot be seen. Logits that are those of the file but for rounding stay.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file

from definitions import PyramidNet, ResNet, ResNeXt29, load, preact_resnet18, wide_resnet
from densenet import DenseNetBC
from make import ROOT, images  # which puts bench/peers on the path
import model

OUT = ROOT / "internal" / "engine" / "enginetest" / "testdata" / "forward.json"
NETS = {
    "densenet-bc-100-12": lambda: DenseNetBC(100, 12),
    "densenet-bc-190-40": lambda: DenseNetBC(190, 40),
    "preact-resnet18": preact_resnet18,
    "pyramidnet-shakedrop": lambda: PyramidNet(110, 270, 100),
    "resnet20": lambda: ResNet(20),
    "resnet110": lambda: ResNet(110),
    "resnext29-16x64d": lambda: ResNeXt29(16, 64),
    "resnext29-8x64d": lambda: ResNeXt29(8, 64),
    "wrn28-10": lambda: wide_resnet(28, 10),
}
IMAGES = 2
ROUNDING = 1e-12  # of the largest logit


def exported(name, seed):
    """The initial weights and running statistics that shake exports."""
    with tempfile.TemporaryDirectory() as tmp:
        file = pathlib.Path(tmp) / "weights.safetensors"
        command = [str(ROOT / "bin" / "shake"), "export", name, str(file), "--init", str(seed)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return {k: t.double() for k, t in load_file(file).items()}


def stirred(tensors):
    """The same with other scales, shifts and statistics in every BN."""
    draw, out = torch.Generator().manual_seed(1), dict(tensors)
    for mean in sorted(k for k in tensors if k.endswith(".running_mean")):
        bn = mean.removesuffix("running_mean")
        for key, low, high in (("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("running_mean", -0.5, 0.5), ("running_var", 0.5, 1.5)):
            out[bn + key] = torch.empty_like(tensors[mean]).uniform_(low, high, generator=draw)
    return out


def distance(have, want):
    return ((have - want).abs().max() / want.abs().max()).item()


def logits(name):
    """The logits by the paper's definition, to which the twin is held."""
    spec = model.load(name)
    mean, std = (torch.tensor(spec["data"][k], dtype=torch.float64).view(1, -1, 1, 1) for k in ("mean", "std"))
    x = (torch.from_numpy(images(1000, IMAGES, spec)[0]).double() - mean) / std
    net, twin = NETS[name]().double().eval(), model.ShakeNet(spec).double().eval()
    weights = exported(name, spec["seed"])
    with torch.no_grad():
        for tensors in (stirred(weights), weights):
            own = load(net, tensors)(x)
            missing, unknown = twin.load_state_dict(tensors, strict=False)
            if wrong := unknown + [k for k in missing if not k.endswith(".num_batches_tracked")]:
                sys.exit(f"{name}: {wrong[0]} and {len(wrong) - 1} more are not both the twin's and the export's")
            if not (worst := distance(twin(x), own)) <= ROUNDING:
                sys.exit(f"{name}: the twin is {worst:.1e} from the network as its paper has it")
    print(f"{name:22} {sum(p.numel() for p in net.parameters()):10d} parameters", end="  ", flush=True)
    return own


def main():
    results = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name in sys.argv[1:] or NETS:
        own, stored = logits(name), torch.tensor(results.get(name, [[torch.inf]]), dtype=torch.float64)
        if (apart := distance(stored, own)) <= ROUNDING:
            print("the file's logits")
            continue
        print(f"new logits, {apart:.1e} from the file's")
        results[name] = own.tolist()
        OUT.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(results[k])}" for k in sorted(results)) + "\n}\n")


if __name__ == "__main__":
    main()
