#!/usr/bin/env bash
# A file that pyarrow writes to the test server s3rver comes back changed: 1,000 bytes become 1,051, and neither side
# reports an error.
#
# Seen on 2026-11-28 with pyarrow 26.0.1 (PyPI) and s3rver 3.7.1 (npm). pyarrow sends checksums by default, and for
# that sends the body in framed chunks ("aws-chunked"). s3rver does not recognise them and stores the frames as
# content. A test that only checks that the object exists passes. There are no frames if
# `AWS_REQUEST_CHECKSUM_CALCULATION=when_required` is in the environment before pyarrow is loaded.
#
#> default: wrote 1000 bytes, read 1051, beginning with b'3E8\r\nxxx'
#> when_required: wrote 1000 bytes, read 1000, beginning with b'xxxxxxxx'
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pyarrow==26.0.1
npm install --silent --no-audit --no-fund s3rver@3.7.1
cat >serve.mjs <<'JAVASCRIPT'
import { writeFileSync } from "node:fs";
import S3rver from "s3rver";

const buckets = [{ name: "laps" }];
const options = { address: "127.0.0.1", port: 0, silent: true, directory: "store", configureBuckets: buckets };
const { port } = await new S3rver(options).run();
writeFileSync("port", String(port));
JAVASCRIPT
node serve.mjs 2>server.log &
server=$!
trap 'kill "$server"; rm -rf "$folder"' EXIT
for _ in $(seq 100); do [ -s port ] && break || sleep 0.1; done
cat >write.py <<'PYTHON'
import sys
from pathlib import Path

from pyarrow.fs import S3FileSystem

store = S3FileSystem(
    access_key="S3RVER",
    secret_key="S3RVER",
    endpoint_override=f"127.0.0.1:{Path('port').read_text()}",
    scheme="http",
    region="us-east-1",
)
with store.open_output_stream("laps/lap.bin") as file:
    file.write(b"x" * 1000)
with store.open_input_stream("laps/lap.bin") as file:
    found = file.read()
print(f"{sys.argv[1]}: wrote 1000 bytes, read {len(found)}, beginning with {found[:8]}")
PYTHON
env -u AWS_REQUEST_CHECKSUM_CALCULATION venv/bin/python write.py default >seen
AWS_REQUEST_CHECKSUM_CALCULATION=when_required venv/bin/python write.py when_required >>seen
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
