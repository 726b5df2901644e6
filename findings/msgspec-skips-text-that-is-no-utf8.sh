#!/usr/bin/env bash
# msgspec takes a line for JSON whose texts are no UTF-8, where nobody asks for these texts.
#
# Seen on 2026-11-29 with msgspec 0.22.0 and orjson 3.13.0. JSON is text in UTF-8. msgspec looks at the bytes of a text
# only when it decodes it: in the values and keys that a Struct does not have, and in msgspec.Raw, any byte passes; all
# else that is wrong there is refused. So a damaged line can pass that every other reader refuses, and a program that
# must notice asks bytes.isascii() or bytes.decode() first.
#
#> a value that is no UTF-8: Struct accepts, Raw accepts, all of it refuses, orjson refuses
#> a key that is no UTF-8: Struct accepts, Raw refuses, all of it refuses, orjson refuses
#> a control character: Struct refuses, Raw refuses, all of it refuses, orjson refuses
#> half a surrogate pair: Struct refuses, Raw refuses, all of it refuses, orjson refuses
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv msgspec==0.22.0 orjson==3.13.0
venv/bin/python - >seen <<'PYTHON'
import msgspec
import orjson


class Speed(msgspec.Struct):
    speed: float


readers = {
    "Struct": msgspec.json.Decoder(Speed).decode,
    "Raw": msgspec.json.Decoder(dict[str, msgspec.Raw]).decode,
    "all of it": msgspec.json.decode,
    "orjson": orjson.loads,
}
lines = {
    "a value that is no UTF-8": b'{"speed":1.5,"driver":"\xff"}',
    "a key that is no UTF-8": b'{"speed":1.5,"\xff":1}',
    "a control character": b'{"speed":1.5,"driver":"\x01"}',
    "half a surrogate pair": b'{"speed":1.5,"driver":"\\ud800"}',
}
for what, line in lines.items():
    found = []
    for name, read in readers.items():
        try:
            read(line)
        except ValueError:
            found.append(f"{name} refuses")
        else:
            found.append(f"{name} accepts")
    print(f"{what}: {', '.join(found)}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
