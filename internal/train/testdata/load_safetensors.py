"""Print name, shape and CRC-32 of the values of every tensor in a safetensors file, as PyTorch reads it."""
import sys
import zlib

from safetensors.torch import load_file

for name, t in sorted(load_file(sys.argv[1]).items()):
    shape = " ".join(str(d) for d in t.shape)
    print(f"{name} [{shape}] {zlib.crc32(t.contiguous().numpy().tobytes()):08x}")
