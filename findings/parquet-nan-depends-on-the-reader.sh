#!/usr/bin/env bash
# How many NaN a Parquet file holds depends on the reader: of two, DuckDB finds none, pyarrow one, Polars both.
#
# Seen on 2026-11-28 with pyarrow 26.0.1, duckdb 2.0.1 and polars 2.1.0. The statistics of a row group leave NaN out,
# as the format demands; DuckDB and pyarrow skip row groups by them as if the column had no NaN there. DuckDB gives
# another answer for the same rows once they are in a table of its own. So a missing value is better written as null.
#
# Row groups: [7, 7, 7, NaN] and [1, 2, 3, NaN].
#
#> is NaN: DuckDB on the file 0, DuckDB on its table 2, pyarrow 1, Polars 2
#> not 7: DuckDB on the file 4, DuckDB on its table 5, pyarrow 4, Polars 5
#> above 100: DuckDB on the file 0, DuckDB on its table 2, pyarrow 0, Polars 2
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0
venv/bin/python - >seen <<'PYTHON'
import duckdb
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

nan = float("nan")
table = pyarrow.table({"x": pyarrow.array([7, 7, 7, nan, 1, 2, 3, nan], pyarrow.float32())})
pyarrow.parquet.write_table(table, "x.parquet", row_group_size=4)
duckdb.sql("create table x as from 'x.parquet'")

arrow, column = pyarrow.dataset.field("x"), polars.col("x")
questions = {
    "is NaN": ("isnan(x)", pyarrow.compute.is_nan(arrow), column.is_nan()),
    "not 7": ("x != 7", arrow != 7, column != 7),
    "above 100": ("x > 100", arrow > 100, column > 100),
}
for name, (sql, by_arrow, by_polars) in questions.items():
    on_file = duckdb.sql(f"select 1 from 'x.parquet' where {sql}").fetchall()
    on_table = duckdb.sql(f"select 1 from x where {sql}").fetchall()
    print(
        f"{name}: DuckDB on the file {len(on_file)}, DuckDB on its table {len(on_table)},",
        f"pyarrow {pyarrow.dataset.dataset('x.parquet').to_table(filter=by_arrow).num_rows},",
        f"Polars {polars.scan_parquet('x.parquet').filter(by_polars).collect().height}",
    )
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
