#!/usr/bin/env bash
# orjson writes a float32 of NumPy with other text than the double with the same digits: exponents begin elsewhere. The
# numbers are equal, the lines are not, so that files differ byte by byte according to how a number was held in memory.
#
# Seen on 2026-11-29 with orjson 3.13.0 and NumPy 2.4.6. Of the decades from 1e-9 to 1e19 four differ; slip ratios and small
# angles of a car often lie in the first one. Who needs one text for both makes doubles of the digits first.
#
#> float32 0.0000025, double 2.5e-6
#> float32 2.5e+13, double 25000000000000.0
#> float32 2.5e+14, double 250000000000000.0
#> float32 2.5e+15, double 2500000000000000.0
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv numpy==2.4.6 orjson==3.13.0
venv/bin/python - >seen <<'PYTHON'
import numpy as np
import orjson

for decade in range(-9, 20):
    number = np.array([f"2.5e{decade}"], dtype=np.float32)
    narrow = orjson.dumps(number, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode()
    wide = orjson.dumps(float(str(number[0]))).decode()
    if narrow != wide:
        print(f"float32 {narrow}, double {wide}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
