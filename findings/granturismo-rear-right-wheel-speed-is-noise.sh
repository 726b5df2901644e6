#!/usr/bin/env bash
# granturismo, a reader of Gran Turismo 7's packets, gives an arbitrary number as the ground speed of the rear right
# wheel.
#
# Seen on 2026-11-28 with granturismo 0.0.10 (marshmallow 4.4.0). Four wheels of one radius and one angular speed have
# one ground speed. For the fourth the radius is read one byte too late, at 193 instead of 192, so its last byte
# belongs to the suspension height of the front left wheel: a millimetre there changes the result by many powers of
# ten. The `rps` and `radius` of the wheel are right, so the speed can be computed from them. Anything that compares
# wheels, to find wheel spin or a locked wheel, is wrong until then.
#
#> suspension at 248 mm: ground speeds 39.6, 39.6, 39.6, -0.000341 m/s
#> suspension at 253 mm: ground speeds 39.6, 39.6, 39.6, 0.00136 m/s
#> suspension at 254 mm: ground speeds 39.6, 39.6, 39.6, 3.75e+08 m/s
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv granturismo==0.0.10 marshmallow==4.4.0
venv/bin/python - >seen <<'PYTHON'
import struct

from granturismo.model.packet import Packet

for height in (0.248, 0.253, 0.254):
    data = bytearray(296)  # a packet after decryption
    data[:4] = b"0S7G"
    for wheel in range(4):
        struct.pack_into("<f", data, 164 + 4 * wheel, 120.0)  # rad/s
        struct.pack_into("<f", data, 180 + 4 * wheel, 0.33)  # radius, m
        struct.pack_into("<f", data, 196 + 4 * wheel, height)  # suspension height, m
    wheels = Packet.from_bytes(data).wheels
    speeds = [wheels.front_left, wheels.front_right, wheels.rear_left, wheels.rear_right]
    text = ", ".join(f"{wheel.ground_speed:.3g}" for wheel in speeds)
    print(f"suspension at {height * 1000:.0f} mm: ground speeds {text} m/s")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
