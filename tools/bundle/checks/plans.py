"""The plans: one call of a lent card (1: what is broken, where does the time go; 2: how fast, is it right), or everything, for the owner of a card.

A plan is items and waits in order, the most valuable first. Of a lent card's minutes none is for what another machine can do: no float32, no max-autotune, no
benchmark of a shape that no network has.
"""

import dataclasses
import pathlib
import subprocess

from . import machine, read
from .run import Item, Wait

MODES = "channels_last-bf16,compile-bf16,reduce-overhead-bf16,graph-bf16"
OURS = "Stats|GradSum|Join|Apply|Head|GradConcat"  # kernels that a step spends its time in
UNTUNED = {"SHAKE_AUTOTUNE": "0"}
SMALLEST_FILTER = "/C128H8K128R3"
SMALL = ["-o", "train.batch=4", "-o", "data.train_images=10", "-o", "data.test_images=4"]


@dataclasses.dataclass
class Bundle:
    """Where everything is, and how it is run."""

    here: pathlib.Path
    scratch: pathlib.Path
    python: str
    rehearse: bool
    data: str = ""  # a folder or archive of CIFAR-10
    images: tuple = (50000, 10000)  # how many of it are different ones
    sanitizer: str = "compute-sanitizer"
    profiler: str = "ncu"
    again: str = ""  # regexp of tests to run once more in the second call

    @property
    def shake(self):
        return self.here / "shake"

    @property
    def bench(self):
        return self.here / "bench" / "bench.test"

    def net(self, name):
        """A network and its options: a small one in a rehearsal."""
        return ["quick", *SMALL] if self.rehearse else [name]

    def fresh(self, name):
        return self.scratch / "runs" / name


def about(b):
    """The machine, in seconds."""
    items = [Item("version", [b.shake, "version"], 10), Item("devices", [b.shake, "devices", "--json"], 15, read=read.document)]
    if not b.rehearse:
        fields = "name,driver_version,memory.total,clocks.max.sm,power.limit"
        items.append(Item("nvidia-smi", ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"], 10, read=lambda text: (text.split(", "), [text.strip()])))
    for i in items:
        i.group = "machine"
    return items


def test_items(b, cap, background, only=""):
    """The GPU tests of every package, as its binary has them. cuDNN 9.19 ends the process when it is asked for max-pooling backward without an index."""
    items = []
    for binary in sorted(b.here.rglob("gpu.test")):
        name = str(binary.parent.relative_to(b.here)).replace("/", "-")
        if name == "cudnn-nccl":
            continue  # wants two cards
        small = {"cudnn-cuda": "Device|Capture", "cudnn": "GraphCheck", "csrc-cuda": "Spec", "internal-engine-gpu": "Golden|Spans"} if b.rehearse else {}
        command = [binary, "-test.v", f"-test.timeout={cap}s", f"-test.run={only or small.get(name, '')}"]
        if name == "cudnn":
            command.append("-test.skip=Pool")
        reader = read.some_tests if only else read.tests
        items.append(Item(f"test-{name}", command, cap, "tests", background, cwd=binary.parent, read=reader, env={"SHAKE_REQUIRE_GPU": "1"}))
    return items


def smoke(b):
    """Does it train at all? Without these the rest is not worth its time."""
    synthetic = [] if b.rehearse else ["-o", "data.set=synthetic", "-o", "data.test_images=1000"]
    agree = [b.python, b.here / "checks" / "agree.py", b.fresh("agree"), b.shake, "0.1", "quick", *(SMALL if b.rehearse else ["-o", "data.train_images=2000", "-o", "data.test_images=100"])]
    items = [
        Item("smoke-agrees", agree, 60, must=True, read=lambda text: (text.strip().splitlines()[-1:], text.strip().splitlines()[-1:])),
        Item("smoke-26-2x32d", [b.shake, "run", *b.net("26-2x32d"), "--device", "gpu", "--out", b.fresh("smoke"), "-o", "train.max_steps=3", *synthetic], 60, must=True,
             read=read.trained(b.fresh("smoke"))),
    ]
    for i in items:
        i.group, i.env = "smoke", UNTUNED
    return items


def bench_item(b, name, pattern, cap, times="100ms", env=None):
    return Item(f"bench-{name}", [b.bench, "-test.run=^$", f"-test.bench={pattern}", f"-test.benchtime={'1x' if b.rehearse else times}", "-test.timeout=1h"], cap, "bench",
                cwd=b.bench.parent, env={"SHAKE_REQUIRE_GPU": "1", **({"SHAKE_BENCH_BATCH": "4"} if b.rehearse else {}), **(env or {})}, read=read.bench)


def step_item(b, net, cap, env=None):
    return bench_item(b, f"step-{net}", f"BenchmarkCardStep/^{'quick' if b.rehearse else net}$/^bf16$/^train$", cap, "200x", env)


def measure_item(b, net, cap, env=None):
    return Item(f"launches-{net}", [b.shake, "show", *b.net(net), "--plan", "--device", "gpu", "--measure", "--json"], cap, "bench", env=env or {}, read=read.measured)


def peers_item(b, net, cap, rounds, batch=128, modes=MODES, steps=200, env=None, held=True):
    small = b.rehearse
    command = [b.python, b.here / "bench" / "peers" / "compare.py", "quick" if small else net, "--binary", b.bench, "--batch", "8" if small else str(batch),
               "--device", "cpu" if small else "cuda", "--modes", "eager" if small else modes, "--rounds", str(min(rounds, 2) if small else rounds), "--steps", "1" if small else str(steps),
               "--patience", "30", "--json", "--hold" if held else "--apart"]
    return Item(f"peers-{net}", command, cap, "peers", background=held, held=held, lacks=machine.lacks_torch(b.python), env=env or {}, read=read.compared)


def sanitizer_items(b, cap, checks=("memcheck", "racecheck")):
    """Our kernels alone: cuDNN's are closed, and a sanitizer's words on them fail a run for nothing."""
    binary = b.here / "csrc" / "cuda" / "gpu.test"
    lacks = "" if b.rehearse else machine.lacks_program(b.sanitizer)
    items = []
    for check in checks:
        under = [] if b.rehearse else [b.sanitizer, "--tool", check, "--error-exitcode", "9"]
        items.append(Item(f"sanitizer-{check}", [*under, binary, "-test.v", f"-test.run={'Spec' if b.rehearse else OURS}"], cap, "sanitizer", cwd=binary.parent, env={"SHAKE_REQUIRE_GPU": "1"},
                          lacks=lacks, read=read.tests))
    return items


def train_items(b, epochs, cap, cap_cpu):
    """A short training, on CIFAR-10 if there is some, and its test error on the card and on the CPU."""
    directory, options = b.fresh("train"), ["-o", f"train.epochs={1 if b.rehearse else epochs}"]
    where = []
    if b.rehearse:
        pass
    elif b.data:
        where = ["--data", b.data]
        options += ["-o", f"data.train_images={b.images[0]}", "-o", f"data.test_images={b.images[1]}"]
    else:
        options += ["-o", "data.set=synthetic", "-o", "data.train_images=10000", "-o", "data.test_images=2000"]
    return [
        Item("train", [b.shake, "run", *b.net("26-2x32d"), "--device", "gpu", "--out", directory, *options, *where], cap, "train", read=read.trained(directory)),
        Item("eval-gpu", [b.shake, "eval", directory, "--device", "gpu", "--json", *where], 30, "train", read=read.evaluated),
        Item("eval-cpu", [b.shake, "eval", directory, "--device", "cpu", "--json", *where], cap_cpu, "train", read=read.evaluated),
    ]


def profiler_item(b, cap):
    """One step's launches one by one under the profiler: time, and bytes to and from memory."""
    metrics = "gpu__time_duration.sum,dram__bytes_read.sum,dram__bytes_write.sum"
    under = [] if b.rehearse else [b.profiler, "--clock-control", "none", "--cache-control", "none", "--metrics", metrics, "--csv"]
    options = [] if b.rehearse else ["-o", "data.set=synthetic", "-o", "data.train_images=256", "-o", "data.test_images=128"]
    return Item("profile", [*under, b.shake, "run", *b.net("26-2x32d"), "--device", "gpu", "--out", b.fresh("profile"), "-o", "train.max_steps=1", *options], cap, "profile",
                lacks="" if b.rehearse else machine.lacks_program(b.profiler))


def first(b):
    """What is broken, and where does the time go? 330 seconds."""
    tests = test_items(b, 195, True)
    peers = peers_item(b, "26-2x32d", 320, 1, env=UNTUNED)
    elementwise = "BenchmarkCard(Copy|Join|JoinBack|Norm)/" + ("^4MiB$" if b.rehearse else "^(16MiB|64MiB|N128C(32H32|64H16|128H8)|sums|apply|stats)$/(^bf16$|^N128C(32H32|64H16|128H8)$)/^bf16$")
    return [
        *about(b), *tests, peers, *smoke(b),
        Wait([t.name for t in tests], 130),
        step_item(b, "26-2x32d", 40, UNTUNED),
        measure_item(b, "26-2x32d", 45, UNTUNED),
        bench_item(b, "elementwise", elementwise, 25),
        Wait([peers.name], 40),
    ], 330


def second(b):
    """How fast, and is it right? 370 seconds. Engines are tuned here, on a card that nothing else uses."""
    wide, narrow = peers_item(b, "26-2x96d", 360, 2), peers_item(b, "26-2x32d", 360, 5)
    filters = "BenchmarkCard(Filter|OwnConv)/^26-2x32d$/^bf16$" + (SMALLEST_FILTER if b.rehearse else "")
    again = test_items(b, 60, True, b.again) if b.again else []
    return [
        *about(b), narrow, wide, *again, Wait([t.name for t in again], 60),
        *sanitizer_items(b, 30),
        step_item(b, "26-2x32d", 50), step_item(b, "26-2x96d", 50), step_item(b, "resnext29", 50),
        Wait([narrow.name], 60), Wait([wide.name], 40),
        *train_items(b, 30, 60, 30),
        measure_item(b, "26-2x32d", 30),
        bench_item(b, "filters", filters, 40, "20x"),
        profiler_item(b, 45),
    ], 370


def two(b):
    """Two cards: NCCL, sums over cards, and a run beside one card's."""
    synthetic = ["-o", "train.epochs=1", "-o", "train.replicas=2"] if b.rehearse else ["-o", "data.set=synthetic", "-o", "data.train_images=20000", "-o", "data.test_images=1000", "-o", "train.epochs=2"]
    tests = {"cudnn/nccl": "", "internal/engine/gpu": "TestTwoCards|TestMoreReplicasThanCards|TestLostCard"}
    if b.rehearse:
        tests = {"cudnn/nccl": "TestCollectives|TestCapture"}
    one_card = "" if b.rehearse else machine.lacks_cards(b.shake, 2)
    items = [Item(f"two-{name.replace('/', '-')}", [b.here / name / "gpu.test", "-test.v", f"-test.run={only}"], 600, "two", cwd=b.here / name, read=read.tests, lacks=one_card,
                  env={"SHAKE_REQUIRE_GPU": "1"}) for name, only in tests.items()]
    command = [b.python, b.here / "checks" / "two.py", b.fresh("two"), b.shake, "0.2", *b.net("26-2x32d"), *synthetic]
    items.append(Item("two-runs", command, 900, "two", lacks=one_card, read=lambda text: (text.strip().splitlines()[-1:], text.strip().splitlines()[-1:]), env=UNTUNED))
    hidden = [b.shake, "profile", *b.net("26-2x32d"), "-o", "train.replicas=2", "--device", "gpu:0,1", "--steps", "2" if b.rehearse else "10", "--by", "kind"]
    sums = lambda text: [line for line in text.splitlines() if line.startswith("sums over the cards")]
    items.append(Item("two-profile", hidden, 300, "two", lacks=one_card, read=lambda text: (sums(text), sums(text)), env=UNTUNED))
    return [*about(b), *items], None


def everything(b):
    """For the owner of a card: no hurry, an hour or more."""
    names = subprocess.run([b.bench, "-test.list", "^BenchmarkCard"], capture_output=True, text=True).stdout.split()
    smallest = {"BenchmarkCardConv": "/^26-2x32d$/^bf16$/C128H8/forward", "BenchmarkCardFilter": "/^26-2x32d$/^bf16$" + SMALLEST_FILTER, "BenchmarkCardOwnConv": "/^26-2x32d$/^bf16$" + SMALLEST_FILTER, "BenchmarkCardCudnnNorm": "/^forward$/^N128C128H8", "BenchmarkCardStep": "/^quick$/^bf16$",
                "BenchmarkCardJoin": "/^N128C128H8$", "BenchmarkCardJoinBack": "/sums/^N128C128H8$", "BenchmarkCardNorm": "/apply/^N128C128H8$", "BenchmarkCardHead": "/^N128C128$",
                "BenchmarkCardSGD": "/^2923162$", "BenchmarkCardAugment": "/^N128$", "BenchmarkCardCopy": "/^4MiB$"}
    nets = {"26-2x32d": 128, "26-2x96d": 128, "resnext29": 32}
    modes = MODES + ",max-autotune-bf16"
    return [
        *about(b), *smoke(b), *test_items(b, 900, False),
        *sanitizer_items(b, 900, ("memcheck", "racecheck", "initcheck", "synccheck")),
        *(measure_item(b, net, 600) for net in nets),
        *(bench_item(b, name, f"^{name}$" + (smallest[name] if b.rehearse else ""), 1800, "1s") for name in names),
        *(peers_item(b, net, 3600, 5, batch, modes, held=False) for net, batch in nets.items()),
        *train_items(b, 20, 1800, 600), profiler_item(b, 300),
    ], None
