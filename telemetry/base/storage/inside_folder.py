"""Names of files that stand in a file: they must stay inside the folder that they are about."""

from pathlib import Path

from telemetry.base.sanitize import is_safe_filename


class OutsideFolderError(ValueError):
    """A name that may lead out of its folder; the text says how, like ``it goes up with ..``, without a dot."""


def path_inside(folder: Path, name: str) -> Path:
    """The path of a file below ``folder`` by its relative name with slashes, which may come from anybody.

    Raises :class:`OutsideFolderError` for a name that is absolute, goes up, or follows a symbolic link to somewhere
    else, and for one that some system takes for more than a file: for a drive, a device, or a stream within a file.
    The same names are refused on every system.
    """
    parts = name.split("/")
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        raise OutsideFolderError("it is absolute")
    if ".." in name.replace("\\", "/").split("/"):
        raise OutsideFolderError("it goes up with ..")
    if not all(is_safe_filename(part) for part in parts):
        raise OutsideFolderError("it is no name that every system takes for a file")
    path = folder.joinpath(*parts)
    try:
        is_inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # a circle of links is a RuntimeError before Python 3.13
        raise OutsideFolderError("it cannot be followed") from error
    if not is_inside:
        raise OutsideFolderError("it follows a symbolic link out of the folder")
    return path
