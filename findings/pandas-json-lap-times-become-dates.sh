#!/usr/bin/env bash
# pandas.read_json makes dates of columns whose names end in _time, but only if all their numbers are above
# 31,536,000.
#
# Seen on 2026-11-28 with pandas 3.1.1. Lap times in microseconds stay integers if one lap took less than 31.536 s,
# and are dates in 1972 if none did: the same code works for a kart track and fails for a circuit. The limit is the
# number of seconds in a year; pandas takes smaller numbers for no time stamps. Lap times in milliseconds are left
# alone. `dtype=False` turns the conversion off; `convert_dates=False` does so too, with a warning that it is
# deprecated.
#
#> kart track: lap_time int64, first 30900000
#> circuit: lap_time datetime64[us], first 1972-08-28 01:03:20
#> circuit, dtype=False: lap_time int64, first 83811800
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pandas==3.1.1
venv/bin/python - >seen <<'PYTHON'
import io
import json

import pandas


def show(name, laps, **options):
    text = "".join(json.dumps({"lap": number, "lap_time": time}) + "\n" for number, time in enumerate(laps))
    column = pandas.read_json(io.StringIO(text), lines=True, **options)["lap_time"]
    print(f"{name}: lap_time {column.dtype}, first {column[0]}")


show("kart track", [30_900_000, 32_100_000])
show("circuit", [83_811_800, 84_020_300])
show("circuit, dtype=False", [83_811_800, 84_020_300], dtype=False)
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
