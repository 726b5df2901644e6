"""What several of the processes that the suite runs in need, and one of them makes."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.waiting import wait_until

T = TypeVar("T")

FOLDER_VARIABLE = "AC_TEST_FOLDER"
"""Names the folder that the processes of one run share; without it there is one process only."""


def make_once(name: str, make: Callable[[], T]) -> T:
    """What ``make`` gives, by whichever process of this run asks first; the others wait for it and read it."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return make()
    path = Path(folder, name)
    try:
        path.with_suffix(".begun").touch(exist_ok=False)
    except FileExistsError:
        wait_until(path.exists)
        made: T = pickle.loads(path.read_bytes())
    else:
        made = make()
        partial = path.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(made, pickle.HIGHEST_PROTOCOL))
        partial.rename(path)
    return made
