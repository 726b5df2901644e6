#!/usr/bin/env bash
# Joining structured arrays with NumPy drops the padding of the structure: the values stay right by name, and the bytes
# are no longer a page of the game. The graphics page of Assetto Corsa, 304 bytes, becomes one of 302.
#
# Seen on 2026-11-28 with NumPy 2.4.6, where the structure states its packing (`_pack_ = 4`, as the SDK does).
# `concatenate` looks for a common type, and the common type of such structures is packed, also of one array with itself.
# Indexing keeps the padding. What helps is to join the pages as raw bytes (`view("V304")`) and to view the whole with
# the type.
#
#> the structure has 12 bytes, its text begins at 4 and its number at 8
#> one array joined with itself has 10 bytes an element, the text begins at 4 and the number at 6
#> an array that was indexed has 12 bytes an element, the text begins at 4 and the number at 8
#> joined as raw bytes it has 12 bytes an element, the text begins at 4 and the number at 8
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv numpy==2.4.6
venv/bin/python - >seen <<'PYTHON'
import ctypes

import numpy as np


class Page(ctypes.Structure):
    _pack_ = 4
    _fields_ = (("packet", ctypes.c_int32), ("text", ctypes.c_uint16 * 1), ("number", ctypes.c_float))


def offsets(dtype):
    return dtype.itemsize, dtype.fields["text"][1], dtype.fields["number"][1]


page = np.dtype(Page)
pages = np.frombuffer(bytes(3 * ctypes.sizeof(Page)), page)
print("the structure has {} bytes, its text begins at {} and its number at {}".format(*offsets(page)))
for what, found in (
    ("one array joined with itself", np.concatenate([pages, pages]).dtype),
    ("an array that was indexed", pages[[2, 0]].dtype),
):
    print("{} has {} bytes an element, the text begins at {} and the number at {}".format(what, *offsets(found)))
raw = np.concatenate([pages.view(f"V{page.itemsize}")] * 2).view(page)
print("joined as raw bytes it has {} bytes an element, the text begins at {} and the number at {}".format(*offsets(raw.dtype)))
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
