#!/usr/bin/env bash
# pyaccsharedmemory, a reader of the pages of Assetto Corsa Competizione, says that there is no data while the car
# stands, and its texts are as long as their place in the page.
#
# Seen on 2026-11-29 with pyaccsharedmemory 1.0.0. It takes a physics page for new where the travel of the suspension
# differs from the one before; the game's step count, which it reads too, is only compared with 0. Steps of a car at
# rest, on the grid or in its box, are therefore dropped: `read_shared_memory` returns None, and
# `get_shared_memory_data` raises after 1000 looks, though clock, fuel and temperatures go on. A text keeps what follows
# its terminating zero, so that `car_model == "..."` is never true.
#
#> step 1: fuel 50.0
#> step 2, the car stands: None
#> step 3, the car stands: SharedMemoryTimeout: No data available to read
#> step 4, on a bump: fuel 49.7
#> car model: 33 characters, of which 20 are zeros; equal to the name: False
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pyaccsharedmemory==1.0.0
venv/bin/python - >seen <<'PYTHON'
import struct

from pyaccsharedmemory import accSharedMemory, accSM

reader = accSharedMemory.__new__(accSharedMemory)  # its __init__ opens pages by name, which only Windows has
reader.physics_old, reader.last_physicsID = None, 0
reader.physicSM, reader.graphicSM, reader.staticSM = (accSM(-1, size) for size in (800, 1588, 784))
for name, offset in (("1.9", 0), ("1.7", 30), ("porsche_991ii", 68)):
    reader.staticSM[offset : offset + 2 * len(name)] = name.encode("utf-16-le")


def step(number: int, fuel: float, travel: float) -> None:
    struct.pack_into("<i", reader.physicSM, 0, number)
    struct.pack_into("<f", reader.physicSM, 12, fuel)
    struct.pack_into("<4f", reader.physicSM, 184, *[travel] * 4)


step(1, 50.0, 0.05)
print(f"step 1: fuel {reader.get_shared_memory_data().Physics.fuel:.1f}")
step(2, 49.9, 0.05)
print(f"step 2, the car stands: {reader.read_shared_memory()}")
step(3, 49.8, 0.05)
try:
    reader.get_shared_memory_data()
except Exception as error:
    print(f"step 3, the car stands: {type(error).__name__}: {error}")
step(4, 49.7, 0.06)
data = reader.get_shared_memory_data()
print(f"step 4, on a bump: fuel {data.Physics.fuel:.1f}")
model = data.Static.car_model
same = model == "porsche_991ii"
print(f"car model: {len(model)} characters, of which {model.count(chr(0))} are zeros; equal to the name: {same}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
