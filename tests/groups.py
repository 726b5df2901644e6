"""Which tests run in one process, one by one, while others run beside them."""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

from telemetry.base.typing import override

ROOT = Path(__file__).parent.parent


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out whole files, for their tests share what they make, and the files of ``real_time`` as if they were two.

    xdist itself would go by the marks ``xdist_group``, but those of pytest 9.2 it does not see.
    """

    @override
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])


@cache
def group_of(file: str) -> str:
    """The group of this file: by the mark that stands for all its tests, else its own.

    Tests in real time of servers and environments mostly wait for each other's processes, on ports and in folders of
    their own; they run beside those that share the machine's memory, its clock and its keyboard.
    """
    text = (ROOT / file).read_text(encoding="utf-8")
    if not re.search(r"^pytestmark = \[?\s*real_time\b", text, re.MULTILINE):
        return file
    return "real time, servers" if file.startswith(("tests/rl/", "tests/stream/")) else "real time"
