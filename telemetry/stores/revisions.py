"""Small objects that several machines may replace: read whole, and replaced only where nobody else did so meanwhile.

pyarrow can make no such condition, so boto3 writes them. It takes the same variables and files as pyarrow.
"""

import re
from functools import lru_cache
from typing import Any, Final

from telemetry.base.extras import require
from telemetry.stores.failures import StoreError, explain
from telemetry.stores.object_store import ATTEMPTS, CONNECT_TIMEOUT_S, PURPOSE, REQUEST_TIMEOUT_S, ObjectStore

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
    exceptions = require("botocore.exceptions", extra="s3", purpose=PURPOSE)
    place = f"{store.url}/{name}"
    try:
        answer = _client(store.endpoint, store.filesystem.region).put_object(
            Bucket=bucket, Key=key, Body=data, **condition
        )
    except exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        if status in _CONFLICTS or (status == 404 and code != "NoSuchBucket"):
            raise ReplacedMeanwhileError(f"{place}: another machine has replaced it.") from error
        if status == 501:
            raise StoreError(
                f"{place}: this store has no conditional writes, which keep two machines apart."
            ) from error
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).upper()
        raise StoreError(f"{place}: {explain(f'{words} (HTTP status {status})')}.") from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        words = "timed out" if "timeout" in type(error).__name__.lower() else "NETWORK_CONNECTION"
        raise StoreError(f"{place}: {explain(words)}.") from error
    except exceptions.BotoCoreError as error:
        raise StoreError(f"{place}: {explain(str(error))}.") from error
    return str(answer["ETag"])


def _revision_of(stream: Any) -> str:
    return str(stream.metadata()["ETag"].decode())


@lru_cache(maxsize=8)
def _client(endpoint: str | None, region: str) -> Any:
    """A client of boto3, which takes a third of a second to make."""
    boto3 = require("boto3", extra="s3", purpose=PURPOSE)
    config = require("botocore.config", extra="s3", purpose=PURPOSE).Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=REQUEST_TIMEOUT_S,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"} if endpoint else None,
    )
    if endpoint is not None and "://" not in endpoint:
        endpoint = f"https://{endpoint}"  # as pyarrow takes it
    return boto3.session.Session().client("s3", endpoint_url=endpoint, region_name=region, config=config)
