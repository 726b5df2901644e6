"""The versions of this project and of what it finds, stated once; the package's metadata is built from the first."""

from typing import Final

VERSION = "0.1.0"

ANALYSIS_VERSION: Final = 2
"""To be increased with every change of what is found in the same samples: in laps, quality reports or fingerprints."""
