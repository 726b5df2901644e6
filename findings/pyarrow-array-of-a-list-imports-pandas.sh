#!/usr/bin/env bash
# The first `pyarrow.array` of a plain list imports pandas where that is installed, although nothing of pandas is used. A
# command that writes a small Parquet file starts by a second or more later, depending on what else is installed beside it.
#
# Seen on 2026-11-29 with pyarrow 26.0.1 and pandas 3.1.1. An array of NumPy, and a buffer, are converted without pandas.
#
#> after the import of pyarrow: pandas is not loaded
#> after an array of a buffer: pandas is not loaded
#> after an array of a list: pandas is loaded
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pyarrow==26.0.1 pandas==3.1.1
venv/bin/python - >seen <<'PYTHON'
import sys

import pyarrow as pa


def tell(when):
    print(f"after {when}: pandas is {'' if 'pandas' in sys.modules else 'not '}loaded")


tell("the import of pyarrow")
pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(bytes(8))])
tell("an array of a buffer")
pa.array([1.0])
tell("an array of a list")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
