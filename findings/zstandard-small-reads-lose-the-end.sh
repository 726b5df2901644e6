#!/usr/bin/env bash
# Of a file that is still being written, `zstandard.open` gives all 100,000 lines with `read()`, but only 98,720 (the
# last one cut) in smaller reads or line by line. Neither raises an error.
#
# Seen on 2026-11-28 with zstandard 0.25.0 (libzstd 1.5.7). The writer has flushed its data and not ended its frame: a
# logger that still runs, or was killed, leaves such a file. The reader takes the end of the input for the end of the
# data, and forgets what it has already decoded and not yet handed out, up to one block of 128 KiB. A piece of 1 MiB
# is large enough to get everything. `zstandard.decompress` refuses the same bytes. Once the frame is ended, all ways
# give all lines.
#
#> decompress: ZstdError
#> read(): 100000 lines, 0 bytes lost
#> read(1048576) until the end: 100000 lines, 0 bytes lost
#> read(65536) until the end: 98720 lines, 44352 bytes lost
#> lines in text mode: 98720 lines, 44352 bytes lost
#> lines in text mode, frame ended: 100000 lines, 0 bytes lost
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv zstandard==0.25.0
venv/bin/python - >seen <<'PYTHON'
import functools

import zstandard

lines = b"".join(b'{"sequence":%d,"speed_kmh":%d}\n' % (number, number * 7919 % 300) for number in range(100_000))
writer = zstandard.ZstdCompressor().compressobj()
data = writer.compress(lines) + writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
with open("drive.jsonl.zst", "wb") as file:
    file.write(data)


def show(name, parts):
    found = b"".join(parts)
    print(f"{name}: {len(found.splitlines())} lines, {len(lines) - len(found)} bytes lost")


def by_lines():
    with zstandard.open("drive.jsonl.zst", "rt", newline="") as file:
        return [line.encode() for line in file]


try:
    zstandard.decompress(data, max_output_size=1 << 28)
except zstandard.ZstdError as error:
    print(f"decompress: {type(error).__name__}")
with zstandard.open("drive.jsonl.zst", "rb") as file:
    show("read()", [file.read()])
for size in (1 << 20, 1 << 16):
    with zstandard.open("drive.jsonl.zst", "rb") as file:
        show(f"read({size}) until the end", iter(functools.partial(file.read, size), b""))
show("lines in text mode", by_lines())
with open("drive.jsonl.zst", "ab") as file:
    file.write(writer.flush())
show("lines in text mode, frame ended", by_lines())
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
