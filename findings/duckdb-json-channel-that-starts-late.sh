#!/usr/bin/env bash
# DuckDB decides the type of a JSON channel by the first 20,480 lines, and rounds or drops every later value that does
# not fit it, without an error or a warning.
#
# Seen on 2026-11-28 with duckdb 2.0.1. A delta that is null until the first lap is complete, and a speed that is
# written as 0 while the car stands, are both ordinary. After 25,000 such lines (75 s at 333 Hz) the delta is a column
# of type NULL and its values are gone; the speed is a column of whole numbers and its values are rounded.
# `sample_size=-1` reads both correctly. The largest value in the file is 3.5.
#
#> default: delta is "NULL", 0 values, largest None
#> default: speed is BIGINT, 25003 values, largest 4
#> all lines: delta is DOUBLE, 3 values, largest 3.5
#> all lines: speed is DOUBLE, 25003 values, largest 3.5
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv duckdb==2.0.1
venv/bin/python - >seen <<'PYTHON'
import json
from pathlib import Path

import duckdb

lines = [{"delta": None, "speed": 0} for _ in range(25_000)]
lines += [{"delta": value, "speed": value} for value in (1.5, 2.5, 3.5)]
Path("drive.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

for name, options in (("default", ""), ("all lines", ", sample_size=-1")):
    table = duckdb.sql(f"select * from read_json('drive.jsonl'{options})")
    for column, kind in zip(table.columns, table.types):
        values, largest = table.aggregate(f"count({column}), max({column})").fetchall()[0]
        print(f"{name}: {column} is {kind}, {values} values, largest {largest}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
