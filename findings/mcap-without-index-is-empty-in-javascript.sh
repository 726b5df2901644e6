#!/usr/bin/env bash
# An MCAP file without chunks, or without an index of its chunks, has 60 messages in Python and none in JavaScript,
# without an error. Python gives them in rising order even with `reverse=True`.
#
# Seen on 2026-11-28 with mcap 1.6.0 (PyPI), @mcap/core 2.2.2 and @mcap/nodejs 1.0.2 (npm). Both kinds of file are
# valid and what the Python writer makes with `use_chunking=False` or `index_types=IndexType.NONE`. The indexed reader
# of @mcap/core gives only messages that are in the index, although the statistics that it has read from the same file
# say 60. Python's reader falls back to reading the whole file, and ignores the order there.
#
#> Python: chunks and index: 60 messages; reverse begins at 59
#> Python: no chunks: 60 messages; reverse begins at 0
#> Python: no index: 60 messages; reverse begins at 0
#> JavaScript: chunks and index: 60 messages; statistics 60
#> JavaScript: no chunks: 0 messages; statistics 60
#> JavaScript: no index: 0 messages; statistics 60
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv mcap==1.6.0
npm install --silent --no-audit --no-fund @mcap/core@2.2.2 @mcap/nodejs@1.0.2
venv/bin/python - >seen <<'PYTHON'
from mcap.reader import make_reader
from mcap.writer import CompressionType, IndexType, Writer

kinds = {
    "chunks and index": {},
    "no chunks": {"use_chunking": False},
    "no index": {"index_types": IndexType.NONE},
}
for name, options in kinds.items():
    with open(f"{name}.mcap", "wb") as file:
        writer = Writer(file, compression=CompressionType.NONE, **options)
        writer.start()
        schema = writer.register_schema("speed", "jsonschema", b"{}")
        channel = writer.register_channel("/speed", "json", schema)
        for number in range(60):
            writer.add_message(channel, log_time=number, publish_time=number, data=b'{"kmh":1}')
        writer.finish()
    with open(f"{name}.mcap", "rb") as file:
        forwards = list(make_reader(file).iter_messages())
    with open(f"{name}.mcap", "rb") as file:
        backwards = [message.log_time for _, _, message in make_reader(file).iter_messages(reverse=True)]
    print(f"Python: {name}: {len(forwards)} messages; reverse begins at {backwards[0]}")
PYTHON
cat >read.mjs <<'JAVASCRIPT'
import { open } from "node:fs/promises";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";

for (const name of ["chunks and index", "no chunks", "no index"]) {
  const file = await open(`${name}.mcap`);
  const reader = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(file) });
  let count = 0;
  for await (const _ of reader.readMessages()) count += 1;
  console.log(`JavaScript: ${name}: ${count} messages; statistics ${reader.statistics.messageCount}`);
  await file.close();
}
JAVASCRIPT
node read.mjs >>seen
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
