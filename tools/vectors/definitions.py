"""Residual rivals in plain torch.nn, each as its own paper has it. No file of nets/ is read.

`parts` of a network pairs shake's names of layers with its modules; `load` takes the weights that
shake exports by these names.
"""

import torch
from torch import nn
from torch.nn import functional as F


def conv(cin, cout, kernel, stride=1, groups=1):
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)


def load(net, tensors):
    """Gives a network every tensor of an export, and refuses one that is missing, left over or of
    another shape."""
    left, filled = dict(tensors), set()
    with torch.no_grad():
        for name, module in net.parts():
            for key, own in module.state_dict(keep_vars=True).items():
                if key != "num_batches_tracked":
                    theirs = left.pop(f"{name}.{key}")
                    if own.shape != theirs.shape:
                        raise ValueError(f"{name}.{key}: {tuple(theirs.shape)}, by the paper {tuple(own.shape)}")
                    own.copy_(theirs)
                    filled.add(id(own))
    if left or any(id(p) not in filled for p in net.parameters()):
        raise ValueError(f"{type(net).__name__}: {sorted(left)} are left over, or a layer got nothing")
    return net


class Staged(nn.Module):
    """A first convolution, stages of blocks, and mean and classifier behind the last."""

    def parts(self):
        yield from zip(self.names["first"], self.first_layers(), strict=True)
        for s, stage in enumerate(self.stages):
            for b, block in enumerate(stage):
                for name, module in block.parts():
                    yield f"stages.{s}.{b}.{name}", module
        yield from zip(self.names["last"], self.last_layers(), strict=True)

    def features(self, x):
        for stage in self.stages:
            for block in stage:
                x = block(x)
        return x


class PreActivationBlock(nn.Module):
    """BN, ReLU, conv, BN, ReLU, conv (He et al. 2016b, Figure 4e; Zagoruyko and Komodakis 2016). A
    projection reads behind the first ReLU, as in the authors' code; an identity reads the input."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(cin), conv(cin, cout, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(cout), conv(cout, cout, 3)
        self.projection = conv(cin, cout, 1, stride) if cin != cout or stride != 1 else None

    def parts(self):
        yield "before.0", self.bn1
        yield "branches.0.0", self.conv1
        yield "branches.0.1", self.bn2
        yield "branches.0.3", self.conv2
        if self.projection is not None:
            yield "skip.0", self.projection

    def forward(self, x):
        z = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(z))))
        return y + (x if self.projection is None else self.projection(z))


class PreActivation(Staged):
    """Pre-activation networks: nothing behind the first convolution, BN and ReLU behind the last
    block."""

    names = {"first": ["stem.0"], "last": ["head.0", "head.3"]}

    def __init__(self, first, widths, blocks, classes=10):
        super().__init__()
        self.conv1, self.stages, c = conv(3, first, 3), nn.ModuleList(), first
        for i, width in enumerate(widths):
            self.stages.append(nn.ModuleList())
            for b in range(blocks):
                self.stages[-1].append(PreActivationBlock(c, width, 2 if i and not b else 1))
                c = width
        self.bn, self.fc = nn.BatchNorm2d(c), nn.Linear(c, classes)

    def first_layers(self):
        return [self.conv1]

    def last_layers(self):
        return [self.bn, self.fc]

    def forward(self, x):
        x = self.features(self.conv1(x))
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))


def wide_resnet(depth, k):
    """WRN-depth-k of Zagoruyko and Komodakis 2016, Table 1: groups of (depth - 4) / 6 blocks of 16k,
    32k and 64k channels, B(3, 3)."""
    return PreActivation(16, (16 * k, 32 * k, 64 * k), (depth - 4) // 6)


def preact_resnet18():
    """Two blocks each of 64, 128, 256 and 512 channels, in the form that is usual on CIFAR: a 3x3
    convolution and no pool in front, and the first block an identity as any other, where He et al.
    2016b (Appendix) have both of its paths read behind its first ReLU."""
    return PreActivation(64, (64, 128, 256, 512), 2)


class PostActivation(Staged):
    """Networks whose ReLU follows the sum: convolution, BN and ReLU in front, the mean behind."""

    names = {"first": ["stem.0", "stem.1"], "last": ["head.1"]}

    def __init__(self, first, classes=10):
        super().__init__()
        self.conv1, self.bn1, self.stages = conv(3, first, 3), nn.BatchNorm2d(first), nn.ModuleList()
        self.classes = classes

    def first_layers(self):
        return [self.conv1, self.bn1]

    def last_layers(self):
        return [self.fc]

    def forward(self, x):
        x = self.features(F.relu(self.bn1(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


class BasicBlock(nn.Module):
    """conv, BN, ReLU, conv, BN; the sum; ReLU (He et al. 2016a). Option A: the identity takes every
    second row and column and has zeros for the channels that it lacks."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(cin, cout, 3, stride), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = conv(cout, cout, 3), nn.BatchNorm2d(cout)
        self.stride, self.more = stride, cout - cin

    def parts(self):
        return zip([f"branches.0.{i}" for i in (0, 1, 3, 4)], [self.conv1, self.bn1, self.conv2, self.bn2])

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        x = x[:, :, :: self.stride, :: self.stride]
        zeros = x.new_zeros(x.shape[0], self.more, *x.shape[2:])
        return F.relu(y + torch.cat([x, zeros], 1))


class ResNet(PostActivation):
    """ResNet of 6n + 2 layers on CIFAR-10 (He et al. 2016a, Section 4.2): n blocks each of 16, 32
    and 64 channels."""

    def __init__(self, depth):
        super().__init__(16)
        c = 16
        for i, width in enumerate((16, 32, 64)):
            self.stages.append(nn.ModuleList())
            for b in range((depth - 2) // 6):
                self.stages[-1].append(BasicBlock(c, width, 2 if i and not b else 1))
                c = width
        self.fc = nn.Linear(c, self.classes)


class ResNeXtBlock(nn.Module):
    """1x1, 3x3 in groups with the stride, 1x1, BN behind each and ReLU behind two; the sum; ReLU
    (Xie et al. 2017, Figure 3c). A projection is a 1x1 convolution and its BN (option B)."""

    def __init__(self, cin, inner, cout, stride, groups):
        super().__init__()
        self.conv1, self.bn1 = conv(cin, inner, 1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv(inner, inner, 3, stride, groups), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = conv(inner, cout, 1), nn.BatchNorm2d(cout)
        self.projection = None
        if cin != cout or stride != 1:
            self.projection, self.bn = conv(cin, cout, 1, stride), nn.BatchNorm2d(cout)

    def parts(self):
        layers = [self.conv1, self.bn1, self.conv2, self.bn2, self.conv3, self.bn3]
        yield from zip([f"branches.0.{i}" for i in (0, 1, 3, 4, 6, 7)], layers)
        if self.projection is not None:
            yield "skip.conv", self.projection
            yield "skip.bn", self.bn

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.projection is None else self.bn(self.projection(x))))


class ResNeXt29(PostActivation):
    """ResNeXt-29, groups x width d (Xie et al. 2017, Section 5.3): three blocks each of 256, 512 and
    1024 channels; the grouped convolution has groups x width channels, doubled with each stage."""

    def __init__(self, groups, width):
        super().__init__(64)
        c = 64
        for i, cout in enumerate((256, 512, 1024)):
            self.stages.append(nn.ModuleList())
            for b in range(3):
                stride = 2 if i and not b else 1
                self.stages[-1].append(ResNeXtBlock(c, groups * width * 2**i, cout, stride, groups))
                c = cout
        self.fc = nn.Linear(c, self.classes)


class PyramidBlock(nn.Module):
    """BN, conv, BN, ReLU, conv, BN (Han et al. 2017, Figure 6d), and the zero-padded identity, whose
    map 2x2 means halve. ShakeDrop multiplies the branch by b + a - ba (Yamada et al. 2018), at test
    time by its expectation."""

    def __init__(self, cin, cout, stride, expected):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(cin), conv(cin, cout, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(cout), conv(cout, cout, 3)
        self.bn3, self.expected = nn.BatchNorm2d(cout), expected
        self.shortcut = nn.AvgPool2d(2) if stride == 2 else nn.Identity()

    def parts(self):
        layers = [self.bn1, self.conv1, self.bn2, self.conv2, self.bn3]
        return zip([f"branches.0.{i}" for i in (0, 1, 2, 4, 5)], layers)

    def forward(self, x):
        y = self.conv1(self.bn1(x))
        y = self.bn3(self.conv2(F.relu(self.bn2(y))))
        x = self.shortcut(x)
        return self.expected * y + F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))


class PyramidNet(Staged):
    """Additive PyramidNet of 6n + 2 layers, whose widths rise by alpha / 3n from block to block (Han
    et al. 2017), with ShakeDrop: block l of L stays whole with probability
    p = 1 - l/L (1 - last), else a is drawn from a range whose mean is `mean`."""

    names = {"first": ["stem.0", "stem.1"], "last": ["head.0", "head.3"]}

    def __init__(self, depth, alpha, classes, last=0.5, mean=0.0):
        super().__init__()
        n = (depth - 2) // 6
        self.conv1, self.bn1, self.stages, c = conv(3, 16, 3), nn.BatchNorm2d(16), nn.ModuleList(), 16
        for i in range(3):
            self.stages.append(nn.ModuleList())
            for b in range(n):
                l = n * i + b + 1
                p, width = 1 - l / (3 * n) * (1 - last), 16 + alpha * l // (3 * n)
                self.stages[-1].append(PyramidBlock(c, width, 2 if i and not b else 1, p + (1 - p) * mean))
                c = width
        self.bn, self.fc = nn.BatchNorm2d(c), nn.Linear(c, classes)

    def first_layers(self):
        return [self.conv1, self.bn1]

    def last_layers(self):
        return [self.bn, self.fc]

    def forward(self, x):
        x = self.features(self.bn1(self.conv1(x)))
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))
