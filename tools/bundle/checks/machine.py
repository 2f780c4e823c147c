"""The machine's offers: where pip put NVIDIA's libraries, whether there is PyTorch, and images to train on."""

import json
import os
import pathlib
import shutil
import subprocess
import tarfile

RECORD = 3073  # bytes of an image of CIFAR-10 with its label
PER_FILE = 10000


def ask(python, code):
    """The output of a line of Python; "" if it fails."""
    try:
        p = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return p.stdout.strip() if p.returncode == 0 else ""


def libraries(python):
    """Folders of the libraries that pip installed for that Python (nvidia/*/lib), which PyTorch finds by itself and the loader does not."""
    roots = ask(python, "import nvidia; print(*nvidia.__path__, sep='\\n')").splitlines()
    return sorted(str(d) for r in roots for d in pathlib.Path(r).glob("*/lib") if d.is_dir())


def lacks_torch(python):
    """Why that Python cannot run PyTorch; "" if it can."""
    return "" if ask(python, "import torch; print(torch.__version__)") else f"{python} has no PyTorch"


def lacks_program(name):
    return "" if shutil.which(name) else f"{name} is not on the path"


def lacks_cards(shake, n):
    """Why that shake cannot train on so many cards."""
    p = subprocess.run([shake, "devices", "--json"], capture_output=True, text=True, timeout=60)
    try:
        cards = json.loads(p.stdout)["cards"]
    except (ValueError, KeyError):
        return "shake devices does not say what cards there are"
    return "" if len(cards) >= n else f"{len(cards)} cards of {n}"


def environment(python):
    """The loader's path with pip's libraries in front, unless the libraries to take are named."""
    env = dict(os.environ)
    if not env.get("SHAKE_LIBRARY_PATH"):
        path = libraries(python) + [p for p in [env.get("LD_LIBRARY_PATH")] if p]
        if path:
            env["LD_LIBRARY_PATH"] = ":".join(path)
    return env


def unpack_slice(file, folder):
    """Makes a folder that reads as CIFAR-10 of a slice (make slice): one batch for training under five names, and the test images it has, repeated to a whole file.
    Returns how many of each are different."""
    with tarfile.open(file) as tar:
        tar.extractall(folder, filter="data")
    train, test = folder / "data_batch_1.bin", folder / "test_batch.bin"
    some = test.read_bytes()
    if train.stat().st_size != RECORD * PER_FILE or not some or len(some) % RECORD:
        raise ValueError(f"{file} is no slice of CIFAR-10: {train.stat().st_size} and {len(some)} bytes")
    test.write_bytes((some * (RECORD * PER_FILE // len(some) + 1))[:RECORD * PER_FILE])
    for i in range(2, 6):
        os.link(train, folder / f"data_batch_{i}.bin")
    return PER_FILE, len(some) // RECORD
