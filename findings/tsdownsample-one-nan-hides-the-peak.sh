#!/usr/bin/env bash
# The downsampler made for data with NaN drops the highest peak of a trace when one sample near it is missing; the
# other one keeps the peak and drops the gap.
#
# Seen on 2026-11-28 with tsdownsample 0.1.5.1 (numpy 2.4.6). If a bin (here 2,000 samples) holds a NaN,
# `NaNMinMaxDownsampler` returns the NaN as both its smallest and its largest value, and nothing else of the bin is
# drawn. `MinMaxDownsampler` skips NaN, so a short drop-out becomes a straight line. Neither shows both a spike and a
# drop-out that lie in one bin.
#
# A sine of height 1 with a spike of 100 and one NaN ten samples later, 100,000 samples to 100:
#
#> MinMaxDownsampler: highest 100.0, NaN kept: False
#> NaNMinMaxDownsampler: highest 1.0, NaN kept: True
set -euo pipefail
self=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

uv venv --quiet --no-project venv
uv pip install --quiet --python venv tsdownsample==0.1.5.1 numpy==2.4.6
venv/bin/python - >seen <<'PYTHON'
import numpy
import tsdownsample

trace = numpy.sin(numpy.arange(100_000) / 50)
trace[5000], trace[5010] = 100.0, numpy.nan
for name in ("MinMaxDownsampler", "NaNMinMaxDownsampler"):
    kept = trace[getattr(tsdownsample, name)().downsample(trace, n_out=100)]
    print(f"{name}: highest {numpy.nanmax(kept):.1f}, NaN kept: {bool(numpy.isnan(kept).any())}")
PYTHON
cat seen
diff <(sed -n 's/^#> //p' "$self") seen  # what the lines with #> say is what was seen then
