"""Stores that speak S3, of Amazon or of others: how an address becomes a file system of pyarrow."""

import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.stores.failures import store_errors

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

SCHEME: Final = "s3://"
PURPOSE: Final = "A store at s3://"

CONNECT_TIMEOUT_S: Final = 10.0
REQUEST_TIMEOUT_S: Final = 30.0
"""Seconds without a byte after which a request has failed."""

ATTEMPTS: Final = 3
"""How often a request is made before it has failed; who wants to wait longer waits between whole attempts."""

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
_ENDPOINT: Final = re.compile(r"(https?://)?[A-Za-z0-9.\-_\[\]:]+(:\d+)?/?")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A bucket, or what begins with a prefix in it. It can be pickled.

    Objects are written by :func:`telemetry.stores.uploads.upload`: a stream of ``filesystem`` that is closed, or
    dropped, after an error publishes what was written so far. Nothing here needs a folder to be made.
    """

    filesystem: "S3FileSystem"
    root: str
    """The bucket and the prefix, without slashes at the ends, as pyarrow's paths begin."""
    url: str
    """The address for sentences, without a slash at the end."""
    endpoint: str | None = None
    """The address of the server, where it is not Amazon's."""

    def path(self, name: str) -> str:
        """The path of an object for :attr:`filesystem`."""
        return f"{self.root}/{name}"

    def errors(self, name: str = "") -> AbstractContextManager[None]:
        """Inside, what pyarrow raises becomes a :class:`telemetry.stores.StoreError` that names this object."""
        return store_errors(f"{self.url}/{name}" if name else self.url)


def is_object_store(text: str) -> bool:
    """Whether a text is the address of an object store, and not the path of a folder."""
    return text.startswith(SCHEME)


def open_object_store(url: str, endpoint: str | None = None) -> ObjectStore:
    """The store at ``s3://bucket/prefix``; no request is made yet.

    Credentials, region and further settings are those of every program that uses S3: ``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_REGION``, ``AWS_PROFILE``, or the files in ``~/.aws``.
    ``endpoint``, else ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL``, is the address of a store that is not Amazon's,
    like ``http://nas:9000``; there buckets are named in the path, and not in the name of the host.

    Raises :class:`telemetry.UsageError` for an address that is none, and where pyarrow is missing.
    """
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    parts = prefix.strip("/").split("/") if prefix.strip("/") else []
    if (
        not is_object_store(url)
        or not _BUCKET.fullmatch(bucket)
        or not all(part not in ("", ".", "..") for part in parts)
    ):
        raise UsageError(f"{url} is no address of a store: expected s3://bucket or s3://bucket/prefix.")
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
    endpoint = endpoint and endpoint.rstrip("/")
    if endpoint is not None and not _ENDPOINT.fullmatch(endpoint):
        raise UsageError(f"{endpoint} is no endpoint of a store: expected an address like http://nas:9000.")
    fs = require("pyarrow.fs", extra="s3", purpose=PURPOSE)
    if not hasattr(fs, "S3FileSystem"):
        raise UsageError(f"{PURPOSE} needs a pyarrow that was built with S3; the one of PyPI is.")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    filesystem = fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region or ("us-east-1" if endpoint else None),
        connect_timeout=CONNECT_TIMEOUT_S,
        request_timeout=REQUEST_TIMEOUT_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )
    root = "/".join([bucket, *parts])
    return ObjectStore(filesystem, root, SCHEME + root, endpoint)
