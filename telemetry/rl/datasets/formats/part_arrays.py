"""Reading the arrays of a part: whoever made the file, they take no more memory than it has bytes."""

import zipfile
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

_HEADER_READERS: Final[dict[tuple[int, int], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def open_arrays(path: Path) -> Any:
    """The arrays of a file that ``np.savez`` made, as :func:`numpy.load` opens them; each is read when it is asked for.

    Raises ValueError for a file with compressed arrays, or with arrays larger than itself, and what NumPy raises.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(_array_bytes(archive, member) for member in archive.infolist())
    if size > path.stat().st_size:
        raise ValueError(f"{path} claims to hold arrays of {size:,} bytes, which it has not")
    return np.load(path)


def _array_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """The bytes that an array takes in memory, by its header."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    with archive.open(member) as file:
        read_header = _HEADER_READERS.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise ValueError(f"{member.filename} is no array of a known version")
        shape, _, kind = read_header(file)
    size: int = prod(shape) * kind.itemsize
    return size
