"""The logits of two images by PyTorch in float64, of the built-in networks that are the paper's rivals, at full size from their initial weights, into
internal/engine/enginetest/testdata/forward.json. TestForward of internal/engine/cpu compares. DenseNet is written down here once more, as its paper has it.

    python tools/vectors/forward.py            # all networks, some minutes
    python tools/vectors/forward.py resnet20   # some, the others' logits stay
"""

import json
import sys

import torch
from torch import nn

from make import ROOT, images  # which puts bench/peers on the path
from model import load
from recipe import Trainer

OUT = ROOT / "internal" / "engine" / "enginetest" / "testdata" / "forward.json"
NETS = ("densenet-bc-100-12", "densenet-bc-190-40", "preact-resnet18", "pyramidnet-shakedrop", "resnet20", "resnet110", "resnext29-16x64d", "resnext29-8x64d", "wrn28-10")
IMAGES = 2


class DenseNetBC(nn.Module):
    """DenseNet-BC of Huang et al. 2017 for 32x32 images: (depth - 4) / 6 bottleneck layers a block, compression 1/2."""

    def __init__(self, depth, growth, classes=10):
        super().__init__()
        conv = lambda cin, cout, k: nn.Conv2d(cin, cout, k, padding=k // 2, bias=False)
        unit = lambda cin, cout, k: [nn.BatchNorm2d(cin), nn.ReLU(), conv(cin, cout, k)]
        c = 2 * growth
        self.first, self.blocks, self.transitions = conv(3, c, 3), nn.ModuleList(), nn.ModuleList()
        for block in range(3):
            if block:
                self.transitions.append(nn.Sequential(*unit(c, c // 2, 1), nn.AvgPool2d(2)))
                c //= 2
            layers = nn.ModuleList()
            for _ in range((depth - 4) // 6):
                layers.append(nn.Sequential(*unit(c, 4 * growth, 1), *unit(4 * growth, growth, 3)))
                c += growth
            self.blocks.append(layers)
        self.norm, self.classifier = nn.BatchNorm2d(c), nn.Linear(c, classes)

    def ordered(self):
        """Parameters in the order of the forward pass."""
        out = list(self.first.parameters())
        for i, layers in enumerate(self.blocks):
            out += self.transitions[i - 1].parameters() if i else []
            out += layers.parameters()
        return out + list(self.norm.parameters()) + list(self.classifier.parameters())

    def forward(self, x):
        x = self.first(x)
        for i, layers in enumerate(self.blocks):
            x = self.transitions[i - 1](x) if i else x
            for layer in layers:
                x = torch.cat([x, layer(x)], 1)
        return self.classifier(torch.relu(self.norm(x)).mean((2, 3)))


def densenet(name, twin, x):
    """The logits of DenseNetBC with the twin's weights."""
    depth, growth = map(int, name.split("-")[-2:])
    net = DenseNetBC(depth, growth).double().eval()
    for p, q in zip(net.ordered(), twin.parameters(), strict=True):
        p.data.copy_(q.data)
    with torch.no_grad():
        return net(x)


def main():
    results = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name in sys.argv[1:] or NETS:
        spec = load(name)
        pix, labels = images(1000, IMAGES, spec)
        t = Trainer(spec, pix, labels, torch.float64)
        logits = t.logits(pix)
        if name.startswith("densenet"):
            own = densenet(name, t.net, t.tensor(t.normalized(pix)))
            if (worst := ((own - logits).abs().max() / own.abs().max()).item()) > 1e-12:
                sys.exit(f"{name}: the twin is {worst:.1e} from DenseNet as its paper has it")
            logits = own
        results[name] = logits.tolist()
        print(f"{name:22} {sum(p.numel() for p in t.net.parameters()):10d} parameters")
        OUT.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(results[k])}" for k in sorted(results)) + "\n}\n")


if __name__ == "__main__":
    main()
