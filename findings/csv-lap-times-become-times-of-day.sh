#!/usr/bin/env bash
# DuckDB and pyarrow read a CSV column of lap times like 01:23 as times of day, 1 hour 23 minutes: 60 times too long.
# Whether it happens depends on leading zeros and on the slowest lap of the file.
#
# Seen on 2026-11-28 with duckdb 2.0.1 and pyarrow 26.0.1. Both take mm:ss for hh:mm. pyarrow does so only with two
# digits before the colon, DuckDB with one as well. If one lap has tenths, or is slower than 23:59, the whole column
# is text. So a script that works with one file fails with the next.
#
#> 01:23,01:24: DuckDB 4980 s, pyarrow 4980 s
#> 1:23,1:24: DuckDB 4980 s, pyarrow text
#> 01:23,24:10: DuckDB text, pyarrow text
#> 01:23,01:24.5: DuckDB text, pyarrow text
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv duckdb==2.0.1 pyarrow==26.0.1
venv/bin/python - >seen <<'PYTHON'
import datetime
from pathlib import Path

import duckdb
import pyarrow.csv


def told(value):
    if isinstance(value, datetime.time):
        return f"{value.hour * 3600 + value.minute * 60 + value.second} s"
    return "text"


for laps in ("01:23,01:24", "1:23,1:24", "01:23,24:10", "01:23,01:24.5"):
    Path("laps.csv").write_text("lap,lap_time\n" + "".join(f"{n},{lap}\n" for n, lap in enumerate(laps.split(","))))
    by_duckdb = duckdb.sql("select lap_time from 'laps.csv' order by lap").fetchall()[0][0]
    by_arrow = pyarrow.csv.read_csv("laps.csv")["lap_time"][0].as_py()
    print(f"{laps}: DuckDB {told(by_duckdb)}, pyarrow {told(by_arrow)}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
