"""A file of arrays that is written one array after the other, so that not all of them are in memory."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from telemetry.base.typing import override
from telemetry.fields.blocks import Array
from telemetry.recording.interfaces import Closeable


class ArrayFile(Closeable):
    """Writes arrays by name, as :func:`numpy.savez` does; :func:`numpy.load` reads them. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True)

    def write(self, arrays: Mapping[str, Array]) -> None:
        """Add these arrays, whose names are new."""
        for name, array in arrays.items():
            with self._archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)

    @override
    def close(self) -> None:
        self._archive.close()
