"""``override`` for every Python that is supported: the standard library has it from 3.12 on."""

import sys
from typing import TYPE_CHECKING, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import override
elif sys.version_info >= (3, 12):
    from typing import override
else:

    def override(method: T) -> T:
        """Mark a method that replaces one of a base class; type checkers and linters read the mark."""
        return method


__all__ = ["override"]
