#!/usr/bin/env bash
# DuckDB says that a file may not be accessed where it is allowed and does not exist.
#
# Seen on 2026-11-29 with duckdb 2.0.1 for Python. With `allowed_paths` and without other external access, reading an
# allowed Parquet file that somebody has deleted is a Permission Error about a pattern that nobody wrote: a path that
# is no file is tried as a folder of Parquet files, and that pattern is not among the allowed paths. A program that tells
# people what to do next takes a deleted lap for a wrong configuration; it has to look whether the file exists first.
#
#> allowed, exists: 1 row
#> allowed, deleted: PermissionException: Cannot access file "/lap2.parquet/**/*.parquet"
#> not allowed: PermissionException: Cannot access file "/lap3.parquet"
#> deleted, everything allowed: IOException: No files found that match the pattern "/lap2.parquet"
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv duckdb==2.0.1
venv/bin/python - >seen <<'PYTHON'
import os

import duckdb

folder = os.getcwd()
duckdb.connect().execute("COPY (SELECT 1 AS lap) TO 'lap1.parquet' (FORMAT parquet)")


def read(name: str, *, locked: bool = True) -> str:
    with duckdb.connect() as connection:
        if locked:
            connection.execute(f"SET allowed_paths = ['{folder}/lap1.parquet', '{folder}/lap2.parquet']")
            connection.execute("SET enable_external_access = false")
        try:
            rows = connection.execute(f"FROM read_parquet('{folder}/{name}')").fetchall()
        except duckdb.Error as error:
            said = str(error).splitlines()[0].partition(": ")[2].partition(" - ")[0]
            return f"{type(error).__name__}: {said.replace(folder, '')}"
    return f"{len(rows)} row"


print("allowed, exists:", read("lap1.parquet"))
print("allowed, deleted:", read("lap2.parquet"))
print("not allowed:", read("lap3.parquet"))
print("deleted, everything allowed:", read("lap2.parquet", locked=False))
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
