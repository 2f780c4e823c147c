"""Philox 4x32-10 and every draw of a run, in numpy: the same numbers, to the last bit, as
internal/rng and internal/engine."""

import functools
import math

import numpy as np

INIT, SHUFFLE, AUGMENT, ALPHA, BETA, DROPOUT, MIXUP, SPLIT = 1, 2, 3, 4, 5, 16, 17, 18  # rng.Purpose
_LOW = np.uint64(0xFFFFFFFF)


def philox(seed, c0, c1, c2, c3):
    """Four words for every counter (c0, c1, c2, c3), which broadcast: uint64 array [..., 4] of
    values below 2^32."""
    c = [np.asarray(x, np.uint64) for x in np.broadcast_arrays(c0, c1, c2, c3)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & _LOW, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & _LOW]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, -1)


def uniform(word):
    """[0, 1) with 24 bits."""
    return (word >> np.uint64(8)).astype(np.float64) / 2**24


def below(word, n):
    """0 .. n-1."""
    return (word * np.uint64(n)) >> np.uint64(32)


def log(x):
    """ln x with the series of rng.Log in the same order of operations."""
    m, e = np.frexp(x)
    small = m < math.sqrt(2) / 2
    m, e = np.where(small, m * 2, m), e - small
    s = (m - 1) / (m + 1)
    s2, p = s * s, np.zeros_like(s)
    for k in range(21, 0, -2):
        p = p * s2 + 1 / k
    return e * math.log(2) + 2 * s * p


def exp(x):
    """e^x of one number, likewise that of rng.Exp."""
    if x > 709:
        return math.inf
    if x < -745:
        return 0.0
    k = math.floor(x / math.log(2) + 0.5)
    r, e = x - k * math.log(2), 1.0
    for n in range(17, 0, -1):
        e = 1 + r * e / n
    return math.ldexp(e, k)


def normal(w0, w1):
    """Two arrays of N(0, 1) by Box and Muller, with the series of rng.Normal in the same order of
    operations."""
    radius = np.sqrt(-2 * log((w0.astype(np.float64) + 0.5) / 2**32))

    f = (w1 & np.uint64(2**30 - 1)).astype(np.float64) / 2**30
    swap = f > 0.5
    x = np.where(swap, 1 - f, f) * (math.pi / 2)
    x2, c, s = x * x, np.ones_like(x), np.ones_like(x)
    for k in range(16, 0, -2):
        c = 1 - c * x2 / (k * (k - 1))
        s = 1 - s * x2 / (k * (k + 1))
    s = s * x
    c, s = np.where(swap, s, c), np.where(swap, c, s)
    q = w1 >> np.uint64(30)
    cos = np.select([q == 0, q == 1, q == 2], [c, -s, -c], s)
    sin = np.select([q == 0, q == 1, q == 2], [s, c, -s], -c)
    return radius * cos, radius * sin


def initial(seed, number, kind, scale, count):
    """Parameter `number` of a net: float32 array of count; kind is zero, one, normal or uniform."""
    if kind in ("zero", "one"):
        return np.full(count, float(kind == "one"), np.float32)
    w = philox(seed, 0, number, np.arange((count + 3) // 4), INIT)
    if kind == "normal":
        v = np.stack([*normal(w[:, 0], w[:, 1]), *normal(w[:, 2], w[:, 3])], -1)
    else:
        v = 2 * uniform(w) - 1
    return (scale * v.reshape(-1)[:count]).astype(np.float32)


def log_gamma(seed, iteration, which, a):
    """The logarithm of a variate from Gamma(a, 1)."""
    d = a + 2 / 3
    c, j = 1 / math.sqrt(9 * d), 0
    while True:
        w = philox(seed, iteration, 0, which, MIXUP | j << 8)
        x, j = float(normal(w[0], w[1])[0]), j + 1
        t = 1 + c * x
        if t <= 0:
            continue
        v = t * t * t
        unit = [(float(word) + 0.5) / 2**32 for word in w[2:]]
        if float(log(unit[0])) < x * x / 2 + d - d * v + d * float(log(v)):
            return float(log(d * v)) + float(log(unit[1])) / a


def mixup(seed, iteration, n, a):
    """The weight of a batch of n, and by position that of the partner."""
    words = philox(seed, iteration, 1, np.arange((n + 3) // 4), MIXUP).reshape(-1)
    g, h = (log_gamma(seed, iteration, which, a) for which in (0, 1))
    return 1 / (1 + exp(h - g)), shuffled(words, n)


@functools.lru_cache(maxsize=2)
def permutation(seed, epoch, n):
    """Order of the images in an epoch, which counts from 1."""
    return shuffled(philox(seed, epoch, 0, np.arange((n + 3) // 4), SHUFFLE).reshape(-1), n)


def split(seed, n, data):
    """Indexes of the images that are trained on, and of those kept out, by the [data] table."""
    k, order = data.get("validation", 0), np.arange(n)
    if data.get("split", "last") == "random":
        order = shuffled(philox(seed, 0, 0, np.arange((n + 3) // 4), SPLIT).reshape(-1), n)
        return np.sort(order[k:]), np.sort(order[:k])
    return order[: n - k], order[n - k :]


def shuffled(words, n):
    """The order of 0 .. n-1 that a word a swap makes."""
    order = np.arange(n)
    for i in range(n - 1, 0, -1):
        j = int(below(words[i], i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def augmentation(seed, iteration, n, crop):
    """flip (bool), dy, dx of every position of a batch of n; dy and dx in 0 .. 2*crop."""
    w = philox(seed, iteration, 0, np.arange(n), AUGMENT)
    return below(w[:, 0], 2) == 1, below(w[:, 1], 2 * crop + 1).astype(int), below(w[:, 2], 2 * crop + 1).astype(int)


def holes(seed, iteration, n, h, w, cutout, erase):
    """Two rectangles (y0, y1, x0, x1) of zeros in every image of a batch of n: cutout's square and
    random erasing's, empty where there is none. int array [n, 2, 4]."""
    words = lambda chunk: philox(seed, iteration, 0, np.arange(n), AUGMENT | chunk << 8)
    out = np.zeros((n, 2, 4), int)
    if cutout:
        u = words(1)
        for axis, size in enumerate((h, w)):
            at = below(u[:, axis], size).astype(int) - cutout // 2
            out[:, 0, 2 * axis], out[:, 0, 2 * axis + 1] = np.maximum(at, 0), np.minimum(at + cutout, size)
    if erase:
        u, v = words(2), words(3)
        least = (h * w + 49) // 50
        most = max(2 * h * w // 5, least)
        area, ratio = least + below(u[:, 1], most - least + 1).astype(int), 300 + below(u[:, 2], 3034).astype(int)
        for axis, size, square in ((0, h, area * ratio // 1000), (1, w, area * 1000 // ratio)):
            length = np.clip([math.isqrt(s) for s in square], 1, size)
            at = np.array([int(below(word, size - l + 1)) for word, l in zip(v[:, axis], length)])
            out[:, 1, 2 * axis], out[:, 1, 2 * axis + 1] = at, at + length
        out[uniform(u[:, 0]) >= erase, 1] = 0
    return out


def replica_bounds(n, replicas):
    """Where a batch of n is cut: replica r has images bounds[r] .. bounds[r+1]-1."""
    return [-(-r * n // replicas) for r in range(replicas + 1)]


def open_gate(shake, block, blocks):
    """The probability that a gate of a block, which counts from 0, is open."""
    return 1 - (block + 1) / blocks * (1 - shake["gate"])


def draws(seed, iteration, block, shake, branches, n, replicas, blocks=1):
    """alpha and beta of one block: float64 [branches, n]. shake is the [shake] table; gates depend on
    the number of blocks."""
    index = np.arange(n)
    if shake["level"] == "batch":
        index = np.repeat(np.arange(replicas), np.diff(replica_bounds(n, replicas)))

    def fresh(purpose):
        if branches == 2:
            lo, hi = shake["range"]
            a = lo + uniform(philox(seed, iteration, block, index, purpose)[:, 0]) * (hi - lo)
            return np.stack([a, 1 - a])
        chunks = [philox(seed, iteration, block, index, purpose | j << 8) for j in range((branches + 2) // 4)]
        cuts = np.sort(uniform(np.concatenate([np.empty((n, 0), np.uint64), *chunks], 1))[:, : branches - 1], 1)
        return np.diff(cuts, axis=1, prepend=0.0, append=1.0).T

    if shake["forward"] == "drop":
        word = lambda purpose, k, i: uniform(philox(seed, iteration, block, index, purpose | k << 8)[:, i])
        closed = np.stack([word(ALPHA, k, 0) >= open_gate(shake, block, blocks) for k in range(branches)])
        within = lambda r, u: r[0] + u * (r[1] - r[0])
        alpha = np.where(closed, np.stack([within(shake["range"], word(ALPHA, k, 1)) for k in range(branches)]), 1.0)
        beta = np.where(closed, np.stack([within(shake["backward_range"], word(BETA, k, 0)) for k in range(branches)]), 1.0)
        return alpha, alpha if shake["backward"] == "keep" else beta

    even = np.full((branches, n), 1 / branches)
    alpha = fresh(ALPHA) if shake["forward"] == "shake" else even
    rule = shake["backward"]
    if rule in ("even", "keep", "shake"):
        return alpha, {"even": even, "keep": alpha}[rule] if rule != "shake" else fresh(BETA)
    a, r = alpha[0], uniform(philox(seed, iteration, block, index, BETA)[:, 0])
    low, high = {
        "m1": (1 - a, 1 - a),
        "m2": (r * a, r * (1 - a) + a),
        "m3": (r * (0.5 - a) + a, r * (a - 0.5) + 0.5),
        "m4": (r * (0.5 - a) + 0.5, r * (0.5 - (1 - a)) + (1 - a)),
        "m5": (r * a + (1 - a), r * (1 - a)),
    }[rule]
    b = np.where(a < 0.5, low, high)
    return alpha, np.stack([b, 1 - b])


def dropout(seed, iteration, number, first, shape, rate):
    """The factors of dropout `number` of a net, 0 or 1/(1-rate), for images first, first + 1, ... of
    the global batch: float64 of shape [N, C, H, W]."""
    n, c, h, w = shape
    chunks = -(-c // 4)
    words = philox(seed, iteration, number, first + np.arange(n)[:, None], DROPOUT | np.arange(h * w * chunks)[None] << 8)
    kept = uniform(words.reshape(n, h, w, 4 * chunks)[..., :c]) >= rate
    return np.ascontiguousarray(np.where(kept, 1 / (1 - rate), 0.0).transpose(0, 3, 1, 2))
