#!/usr/bin/env bash
# With pytest 9.2, pytest-xdist's `--dist loadgroup` no longer keeps a group together: tests that a mark `xdist_group`
# puts into one worker, since they share a port or a device, run in two workers at the same time.
#
# Seen on 2026-11-28 with pytest-xdist 3.8.0. It appends the group to the test's node id, by setting `item._nodeid`.
# With pytest 8.4.2 the scheduler sees that; with pytest 9.2.0 it does not, and there is no warning. Two files with two
# tests each, all in one group, on two workers; each test waits a moment, so that both workers get work.
#
#> pytest 8.4.2: the group ran in 1 worker
#> pytest 9.2.0: the group ran in 2 workers
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for name in first second; do
  cat >"test_$name.py" <<'PYTHON'
import os
import pathlib
import time

import pytest


@pytest.mark.xdist_group("device")
@pytest.mark.parametrize("number", [1, 2])
def test_uses_the_device(number):
    with pathlib.Path("workers").open("a") as file:
        print(os.environ["PYTEST_XDIST_WORKER"], file=file)
    time.sleep(0.5)
PYTHON
done

for version in 8.4.2 9.2.0; do
  rm -f workers
  uv venv --quiet --clear --no-project venv
  uv pip install --quiet --python venv "pytest==$version" pytest-xdist==3.8.0
  venv/bin/python -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider . >/dev/null
  count=$(sort -u workers | wc -l)
  echo "pytest $version: the group ran in $count worker$([ "$count" = 1 ] || echo s)"
done >seen
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
