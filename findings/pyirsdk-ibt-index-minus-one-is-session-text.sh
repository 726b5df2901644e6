#!/usr/bin/env bash
# pyirsdk gives numbers for samples that a recording of iRacing (.ibt) does not have: index -1, with which Python users
# mean the last one, is made of the text of the session, which lies in front of the samples.
#
# Seen on 2026-11-29 with pyirsdk 1.3.7. `IBT.get(index, name)` means to return None outside of the recording, but
# compares `0 > index >= count`, which no number fulfils. One length of a sample before the first one there is the
# session's YAML, read as the type of the channel; behind the last one there may be bytes of the file's end. Index
# count - 1, or `ibt[name]`, is the last sample.
#
#> samples: [10.0, 11.0, 12.0]
#> index 2: 12.0
#> ibt["Speed"]: 12.0
#> index -1: the text 'e: x', as a number
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv pyirsdk==1.3.7
venv/bin/python - >seen <<'PYTHON'
import struct

from irsdk import IBT

session = b"---\nWeekendInfo:\n TrackName: x"
variables = 112 + 32
text = variables + 144
samples = text + len(session)
with open("drive.ibt", "wb") as file:
    file.write(struct.pack("<10i8x", 2, 1, 60, 0, len(session), text, 1, variables, 1, 4))  # a sample has 4 bytes
    file.write(struct.pack("<2i8x", 3, samples).ljust(112 - 48, b"\0"))  # the one buffer of variables
    file.write(struct.pack("<Qddii", 0, 0.0, 0.05, 1, 3))  # three samples
    file.write(struct.pack("<3i?3x32s64s32s", 4, 0, 1, False, b"Speed", b"GPS vehicle speed", b"m/s"))
    file.write(session + struct.pack("<3f", 10.0, 11.0, 12.0))

ibt = IBT()
ibt.open("drive.ibt")
print("samples:", ibt.get_all("Speed"))
print("index 2:", ibt.get(2, "Speed"))
print('ibt["Speed"]:', ibt["Speed"])
before = struct.pack("<f", ibt.get(-1, "Speed"))
print(f"index -1: the text {before.decode()!r}, as a number")
ibt.close()
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
