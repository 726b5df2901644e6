#!/usr/bin/env bash
# Rich's `escape` does not protect a backslash before a bracket that begins no tag: it is not shown. Nor does it fit both
# what stands alone and what a tag follows: of backslashes at the end of a text, the number shown depends on what comes.
#
# Seen on 2026-11-28 with Rich 15.0.0. `escape` looks for what could be a tag, which begins with a letter, #, / or @;
# `render` replaces every `\[` by `[`. A Windows path with a folder like `[2026] GT3` is shown without the backslash
# before it, which is the path of something else. What helps is to double the backslashes before every bracket and at
# the end, and to put a tag without effect behind them, like `[none][/]`.
#
#> C:\drives\[2026] GT3 is shown as C:\drives[2026] GT3
#> C:\drives\[gt3] is shown as C:\drives\[gt3]
#> C:\ is shown as C:\\
#> C:\ in bold is shown as C:\
#> C:\\ in bold is shown as C:\
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv rich==15.0.0
venv/bin/python - >seen <<'PYTHON'
from rich.markup import escape, render

for path in (r"C:\drives\[2026] GT3", r"C:\drives\[gt3]", "C:\\"):
    print(path, "is shown as", render(escape(path)).plain)
for path in ("C:\\", "C:\\\\"):
    print(path, "in bold is shown as", render(f"[bold]{escape(path)}[/]").plain)
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
