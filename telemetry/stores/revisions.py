"""Small objects that several machines may replace: read whole, and replaced only where nobody else did so meanwhile.

pyarrow can make no such condition, so boto3 writes them.
"""

from typing import Any, Final

from telemetry.base.extras import require
from telemetry.stores.boto import boto_errors, client_of, status_of
from telemetry.stores.failures import StoreError
from telemetry.stores.object_store import PURPOSE, ObjectStore

_READ_ATTEMPTS: Final = 10

_CONFLICTS: Final = frozenset({409, 412})
"""Statuses of a write whose condition does not hold, or that met another one."""


class ReplacedMeanwhileError(StoreError):
    """Another machine has replaced, made or removed the object."""


def read_revision(store: ObjectStore, name: str) -> tuple[bytes, str]:
    """All of an object, and which revision of it that is. Raises StoreError, and FileNotFoundError."""
    for _ in range(_READ_ATTEMPTS):
        with store.errors(name), store.filesystem.open_input_stream(store.path(name)) as stream:
            revision = _revision_of(stream)
            data: bytes = stream.read()
        if find_revision(store, name) == revision:  # else another machine replaced it between two requests
            return data, revision
    raise StoreError(f"{store.url}/{name}: other machines replace it all the time. Try again later.")


def find_revision(store: ObjectStore, name: str) -> str:
    """Which revision of an object there is. Raises StoreError, and FileNotFoundError."""
    with store.errors(name), store.filesystem.open_input_stream(store.path(name)) as stream:
        return _revision_of(stream)


def replace_revision(store: ObjectStore, name: str, data: bytes, revision: str | None) -> str:
    """Replace this revision of an object, or make the object where it is None; returns the new revision.

    Raises :class:`ReplacedMeanwhileError` where the object has another one, and StoreError.
    """
    bucket, _, key = store.path(name).partition("/")
    condition = {"IfNoneMatch": "*"} if revision is None else {"IfMatch": revision}
    place = f"{store.url}/{name}"
    exceptions = require("botocore.exceptions", extra="s3", purpose=PURPOSE)
    with boto_errors(place):
        try:
            answer = client_of(store).put_object(Bucket=bucket, Key=key, Body=data, **condition)
        except exceptions.ClientError as error:
            status, code = status_of(error)
            if status in _CONFLICTS or (status == 404 and code != "NoSuchBucket"):
                raise ReplacedMeanwhileError(f"{place}: another machine has replaced it.") from error
            if status == 501:
                raise StoreError(
                    f"{place}: this store has no conditional writes, which keep two machines apart."
                ) from error
            raise
    return str(answer["ETag"])


def _revision_of(stream: Any) -> str:
    return str(stream.metadata()["ETag"].decode())
