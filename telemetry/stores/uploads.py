"""Objects that are written whole or not at all, also where an error or a signal breaks the upload off.

pyarrow cannot give an upload up: closing or dropping its stream publishes what was written so far.
"""

import sys
from collections.abc import Iterable
from typing import Any, Final

from telemetry.base.extras import require
from telemetry.stores.boto import boto_errors, client_of
from telemetry.stores.failures import StoreError
from telemetry.stores.object_store import PURPOSE, ObjectStore

PART_BYTES: Final = 8 << 20
"""Of the parts that a longer object is sent in."""

_PARTS_AT_ONCE: Final = 4
"""Parts that are sent at the same time, and as many that may wait in memory."""


def upload(store: ObjectStore, name: str, content: Iterable[bytes]) -> None:
    """Write an object, in place of one of this name.

    Where anything raises, in ``content`` too, there is what was there before, and no part of the upload is left unless
    the store cannot be reached any more. ``content`` is read in another thread. Raises :class:`StoreError`.
    """
    config: Any = require("boto3.s3.transfer", extra="s3", purpose=PURPOSE).TransferConfig(
        multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=_PARTS_AT_ONCE
    )
    config.max_in_memory_upload_chunks = _PARTS_AT_ONCE  # boto3 passes it on, but not by its own constructor
    bucket, _, key = store.path(name).partition("/")
    reader = _Reader(content)
    with boto_errors(f"{store.url}/{name}"):
        try:
            client_of(store).upload_fileobj(reader, bucket, key, Config=config)
        except _ContentError:
            assert reader.failure is not None
            raise reader.failure from None


def check_size(store: ObjectStore, name: str, size: int) -> None:
    """Raise :class:`StoreError` where the store did not keep an object as it was sent.

    This is for names that follow from the content: any other object another machine may have replaced meanwhile.
    """
    with store.errors(name):
        info = store.filesystem.get_file_info(store.path(name))
    if info.size != size:
        raise StoreError(
            f"{store.url}: it kept {name} with another size than it was sent. For an old server set "
            "AWS_REQUEST_CHECKSUM_CALCULATION=when_required."
        )


class _ContentError(Exception):
    """What was to be uploaded raised something: boto3's threads wait for ever after what is no Exception."""


class _Reader:
    """Chunks as a file that can only be read on."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """As many bytes, and fewer only at the end; all that is left for a negative number."""
        wanted = size if size >= 0 else sys.maxsize
        parts, missing = [self._rest], wanted - len(self._rest)
        try:
            while missing > 0 and (chunk := next(self._chunks, None)) is not None:
                parts.append(chunk)
                missing -= len(chunk)
        except BaseException as error:
            self.failure = error
            raise _ContentError from error
        data = b"".join(parts)
        self._rest = data[wanted:]
        return data[:wanted]
