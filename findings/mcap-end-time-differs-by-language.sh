#!/usr/bin/env bash
# The same time window of the same MCAP file has one message more in JavaScript than in Python: `endTime` is
# inclusive, `end_time` is exclusive.
#
# Seen on 2026-11-28 with mcap 1.6.0 (PyPI), @mcap/core 2.2.2 and @mcap/nodejs 1.0.2 (npm). Cutting a recording into
# laps by such windows puts a sample at the line into one lap in Python and into two in JavaScript. mcap 1.6
# deprecates `end_time` in favour of `ending_before` (exclusive) and `ending_at` (inclusive).
#
#> Python, start_time=10 end_time=20: 10 to 19, 10 messages
#> Python, starting_at=10 ending_at=20: 10 to 20, 11 messages
#> JavaScript, startTime=10 endTime=20: 10 to 20, 11 messages
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv mcap==1.6.0
npm install --silent --no-audit --no-fund @mcap/core@2.2.2 @mcap/nodejs@1.0.2
venv/bin/python -W ignore::DeprecationWarning - >seen <<'PYTHON'
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

with open("drive.mcap", "wb") as file:
    writer = Writer(file, compression=CompressionType.NONE)
    writer.start()
    schema = writer.register_schema("speed", "jsonschema", b"{}")
    channel = writer.register_channel("/speed", "json", schema)
    for number in range(60):
        writer.add_message(channel, log_time=number, publish_time=number, data=b'{"kmh":1}')
    writer.finish()

for window in ({"start_time": 10, "end_time": 20}, {"starting_at": 10, "ending_at": 20}):
    with open("drive.mcap", "rb") as file:
        times = [message.log_time for _, _, message in make_reader(file).iter_messages(**window)]
    words = " ".join(f"{key}={value}" for key, value in window.items())
    print(f"Python, {words}: {times[0]} to {times[-1]}, {len(times)} messages")
PYTHON
cat >read.mjs <<'JAVASCRIPT'
import { open } from "node:fs/promises";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";

const file = await open("drive.mcap");
const reader = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(file) });
const times = [];
for await (const message of reader.readMessages({ startTime: 10n, endTime: 20n })) times.push(message.logTime);
console.log(`JavaScript, startTime=10 endTime=20: ${times[0]} to ${times.at(-1)}, ${times.length} messages`);
await file.close();
JAVASCRIPT
node read.mjs >>seen
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
