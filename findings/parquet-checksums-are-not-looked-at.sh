#!/usr/bin/env bash
# A flipped byte in a Parquet file with checksums is read as another number, unless a reader is told to look at them.
#
# Seen on 2026-11-29 with pyarrow 26.0.1, duckdb 2.0.1 and polars 2.1.0. Pages can have checksums, which pyarrow writes
# only with write_page_checksum=True and checks only with page_checksum_verification=True. DuckDB and Polars never did.
# Compressed pages are no safer: many damaged ones are still decompressed. So write checksums, and ask for them.
#
# The file holds 100 times 1.0, uncompressed; six bits of the 50th are flipped.
#
#> pyarrow: 99 times 1.0 and 1.1754943508222875e-38
#> pyarrow, asked to check: OSError
#> DuckDB: 99 times 1.0 and 1.1754943508222875e-38
#> Polars: 99 times 1.0 and 1.1754943508222875e-38
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0
venv/bin/python - >seen <<'PYTHON'
import struct
from pathlib import Path

import duckdb
import polars
import pyarrow
import pyarrow.parquet

table = pyarrow.table({"x": pyarrow.array([1.0] * 100, pyarrow.float32())})
pyarrow.parquet.write_table(
    table, "x.parquet", compression="none", use_dictionary=False, write_statistics=False, write_page_checksum=True
)
data = bytearray(Path("x.parquet").read_bytes())
begin = data.index(struct.pack("<f", 1.0) * 100)
data[begin + 4 * 49 + 3] ^= 0x3F
Path("x.parquet").write_bytes(data)


def told(numbers):
    others = [number for number in numbers if number != 1.0]
    return f"{len(numbers) - len(others)} times 1.0 and {', '.join(map(str, others))}"


print("pyarrow:", told(pyarrow.parquet.read_table("x.parquet")["x"].to_pylist()))
try:
    pyarrow.parquet.read_table("x.parquet", page_checksum_verification=True)
    print("pyarrow, asked to check: nothing")
except OSError:
    print("pyarrow, asked to check: OSError")
print("DuckDB:", told([x for (x,) in duckdb.sql("select x from 'x.parquet'").fetchall()]))
print("Polars:", told(polars.read_parquet("x.parquet")["x"].to_list()))
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
