"""How a log is written."""

from typing import Final, Literal, get_args

Gaps = Literal["split", "hold"]
"""What becomes of a pause or gap: it ends a log, or is filled with the last sample."""

GAPS: Final[tuple[Gaps, ...]] = get_args(Gaps)
DEFAULT_RATE_HZ: Final = 50
MAX_RATE_HZ: Final = 333
