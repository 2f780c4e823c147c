"""DenseNet-BC of Huang et al. 2017 for images of 32x32 in plain torch.nn."""

import torch
from torch import nn

from definitions import conv


class DenseNetBC(nn.Module):
    """Three blocks of (depth - 4) / 6 bottleneck layers, compression 1/2 between them."""

    def __init__(self, depth, growth, classes=10):
        super().__init__()
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

    def parts(self):
        yield "stem.0", self.first
        for s, layers in enumerate(self.blocks):
            for i in (0, 2) if s else ():
                yield f"stages.{s}.transition.{i}", self.transitions[s - 1][i]
            for b, layer in enumerate(layers):
                for i in (0, 2, 3, 5):
                    yield f"stages.{s}.{b}.branches.0.{i}", layer[i]
        yield "head.0", self.norm
        yield "head.3", self.classifier

    def forward(self, x):
        x = self.first(x)
        for i, layers in enumerate(self.blocks):
            x = self.transitions[i - 1](x) if i else x
            for layer in layers:
                x = torch.cat([x, layer(x)], 1)
        return self.classifier(torch.relu(self.norm(x)).mean((2, 3)))
