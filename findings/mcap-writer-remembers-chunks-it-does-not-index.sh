#!/usr/bin/env bash
# The Python writer of MCAP keeps an entry in memory for every chunk until the file ends, also when it is asked to write
# no chunk index: a recorder that ends a chunk often, so that a kill costs little, grows for as long as it runs.
#
# Seen on 2026-11-28 with mcap 1.6.0. `Writer(index_types=IndexType.NONE)` writes no chunk index and no message index, as
# asked, and its list of chunk indexes grows all the same. With a chunk four times a second that is 14,400 entries an
# hour. Their size is about the same whatever is in a chunk. What helps is to begin another file from time to time.
#
#> with all indexes: 4,000 chunk indexes in the file, 100 to 1,200 bytes of memory for each chunk
#> without an index: 0 chunk indexes in the file, 100 to 1,200 bytes of memory for each chunk
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv mcap==1.6.0
venv/bin/python - >seen <<'PYTHON'
import io
import tracemalloc

from mcap.reader import make_reader
from mcap.writer import IndexType, Writer

CHUNKS = 4000


class Nowhere(io.RawIOBase):
    """Takes what is written and keeps nothing, so that the file is not what grows."""

    written = 0

    def writable(self):
        return True

    def tell(self):
        return self.written

    def write(self, data):
        self.written += len(data)
        return len(data)


def write(stream, index_types):
    writer = Writer(stream, index_types=index_types, chunk_size=1)  # every message ends a chunk
    writer.start()
    schema = writer.register_schema("empty", "jsonschema", b"{}")
    channel = writer.register_channel("/steps", "json", schema)
    tracemalloc.start()
    for number in range(CHUNKS):
        if number == CHUNKS // 2:
            before = tracemalloc.get_traced_memory()[0]
        writer.add_message(channel, number, b"{}", number)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    writer.finish()
    return grown / (CHUNKS // 2)


for name, index_types in (("with all indexes", IndexType.ALL), ("without an index", IndexType.NONE)):
    file = io.BytesIO()
    write(file, index_types)
    file.seek(0)
    indexes = len(make_reader(file).get_summary().chunk_indexes)
    size = write(Nowhere(), index_types)
    within = "100 to 1,200" if 100 <= size <= 1200 else f"{size:.0f}"
    print(f"{name}: {indexes:,} chunk indexes in the file, {within} bytes of memory for each chunk")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
