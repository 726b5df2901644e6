"""What the user calls a catalog: the path of a folder, or the address of an object store."""

from pathlib import Path

from telemetry.catalog.store import CatalogStore, FolderStore
from telemetry.stores import is_object_store


def parse_place(text: str | CatalogStore) -> CatalogStore:
    """The store of a catalog by its name; what is one already stays so. Nothing is asked of it."""
    if not isinstance(text, str):
        return text
    if not is_object_store(text):
        return FolderStore(Path(text))
    from telemetry.catalog.s3 import S3Store  # noqa: PLC0415 - a catalog on this machine need not wait for it

    return S3Store(text)
