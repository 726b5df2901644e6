#!/usr/bin/env bash
# A conversion that fails half way leaves a valid Parquet file with fewer rows: when an exception ends the `with`
# block of pyarrow's ParquetWriter, the writer still writes the footer.
#
# Seen on 2026-11-28 with pyarrow 26.0.1. A Parquet file without its footer cannot be read, so a readable file is
# easily taken for a complete one. The writer has no method to abort; write under a temporary name and rename after
# the block. The Arrow IPC stream writer does the same: its reader meets a regular end.
#
#> the source failed after 2 of 3 laps
#> Parquet: 2000 rows, readable
#> Arrow stream: 2000 rows, readable
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pyarrow==26.0.1
venv/bin/python - >seen <<'PYTHON'
import pyarrow
import pyarrow.parquet

schema = pyarrow.schema([("lap", pyarrow.int32())])


def laps():
    for lap in range(2):
        yield pyarrow.table({"lap": pyarrow.array([lap] * 1000, pyarrow.int32())})
    raise OSError("the source failed after 2 of 3 laps")


writers = (pyarrow.parquet.ParquetWriter("laps.parquet", schema), pyarrow.ipc.new_stream("laps.arrows", schema))
for writer in writers:
    try:
        with writer:
            for lap in laps():
                writer.write_table(lap)
    except OSError as error:
        message = error
print(message)
print(f"Parquet: {pyarrow.parquet.read_table('laps.parquet').num_rows} rows, readable")
with pyarrow.ipc.open_stream(pyarrow.memory_map("laps.arrows")) as reader:
    print(f"Arrow stream: {reader.read_all().num_rows} rows, readable")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
