#!/usr/bin/env bash
# acevo-sdk's `decode_physics` returns a `normalized_car_position` that the page does not hold: it is a world
# coordinate of a tyre, (z + 2000) / 4000, and has nothing to do with the lap.
#
# Seen on 2026-11-28 with acevo-sdk 0.2.1. The physics page of Assetto Corsa has no lap position. The decoder computes
# one from the contact point of the front left tyre and keeps it between 0 and 1, so it passes for the real one, which
# is in the graphics page. At z = 0 there is none. Only the key `normalized_position_source` tells. The same call
# replaces a `wheel_slip` above 5 by None, and still calls the sample plausible.
#
#> z -300.0 m: normalized_car_position 0.425, from physics_tyre_z_deprecated
#> z 500.0 m: normalized_car_position 0.625, from physics_tyre_z_deprecated
#> z 0.0 m: normalized_car_position None, from None
#> wheel_slip 5.1: None, plausible True
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv acevo-sdk==0.2.1
venv/bin/python - >seen <<'PYTHON'
import struct

import acevo


def decoded(z=0.0, slip=0.0):
    """A car that does 180 km/h, at this place."""
    page = bytearray(acevo.PHYSICS_SHM_SIZE)
    struct.pack_into("<ifffiifff", page, 0, 1000, 0.5, 0.0, 40.0, 4, 7000, 0.0, 180.0, 0.0)
    struct.pack_into("<4f", page, 56, *[slip] * 4)  # wheelSlip
    for wheel in range(4):
        struct.pack_into("<3f", page, 420 + 12 * wheel, 100.0, 0.0, z)  # tyreContactPoint
    found = acevo.decode_physics(bytes(page))
    assert found["speed_kmh"] == 180.0
    assert found["tyre_contact_point"][0] == {"x": 100.0, "y": 0.0, "z": z}
    return found


for z in (-300.0, 500.0, 0.0):
    found = decoded(z=z)
    position, source = (found.get(key) for key in ("normalized_car_position", "normalized_position_source"))
    print(f"z {z} m: normalized_car_position {position}, from {source}")
found = decoded(slip=5.1)
print(f"wheel_slip 5.1: {found['wheel_slip'][0]}, plausible {found['is_plausible']}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
