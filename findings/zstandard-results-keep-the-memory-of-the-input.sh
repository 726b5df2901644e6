#!/usr/bin/env bash
# What `zstandard.compress(data)` returns takes as much memory as `data` for as long as it is kept, however short it is:
# a thousand results of 5 kB from 30 kB each take 30 MB. `len` and `sys.getsizeof` say 5 MB.
#
# Seen on 2026-11-29 with zstandard 0.25.0 (its C backend). The result is allocated at the most that the input could
# need, and only its length is set afterwards. A copy (`bytes(memoryview(result))`) is as small as it looks. Results of
# `compressobj` are small too. It shows where results are collected, as in a cache.
#
#> compress: 5 MB by sys.getsizeof, 30 MB by tracemalloc
#> ZstdCompressor().compress: 5 MB by sys.getsizeof, 30 MB by tracemalloc
#> compressobj: 5 MB by sys.getsizeof, 5 MB by tracemalloc
#> compress, copied: 5 MB by sys.getsizeof, 5 MB by tracemalloc
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv zstandard==0.25.0
venv/bin/python - >seen <<'PYTHON'
import random
import sys
import tracemalloc

import zstandard

COUNT = 1000
numbers = random.Random(1)
data = bytes(25_000) + numbers.randbytes(5_000)
compressor = zstandard.ZstdCompressor()


def by_object():
    stream = compressor.compressobj()
    return stream.compress(data) + stream.flush()


ways = {
    "compress": lambda: zstandard.compress(data),
    "ZstdCompressor().compress": lambda: compressor.compress(data),
    "compressobj": by_object,
    "compress, copied": lambda: bytes(memoryview(zstandard.compress(data))),
}
for name, compress in ways.items():
    tracemalloc.start()
    kept = [compress() for _ in range(COUNT)]
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = sum(map(sys.getsizeof, kept))
    print(f"{name}: {said / 1e6:.0f} MB by sys.getsizeof, {traced / 1e6:.0f} MB by tracemalloc")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
