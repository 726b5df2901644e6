"""What boto3 does and pyarrow cannot: writes with a condition, and uploads that can be given up.

boto3 takes credentials and settings from the same variables and files as pyarrow.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from telemetry.base.extras import require
from telemetry.stores.failures import StoreError, explain
from telemetry.stores.object_store import ATTEMPTS, CONNECT_TIMEOUT_S, PURPOSE, REQUEST_TIMEOUT_S, ObjectStore


def client_of(store: ObjectStore) -> Any:
    """A client for the server of this store; several threads may use it."""
    return _client(store.endpoint, store.filesystem.region)


@contextmanager
def boto_errors(place: str) -> Iterator[None]:
    """Inside, what boto3 raises about ``place`` becomes a :class:`StoreError`."""
    exceptions = require("botocore.exceptions", extra="s3", purpose=PURPOSE)
    try:
        yield
    except exceptions.ClientError as error:
        status, code = status_of(error)
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).upper()
        raise StoreError(f"{place}: {explain(f'{words} (HTTP status {status})')}.") from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        words = "timed out" if "timeout" in type(error).__name__.lower() else "NETWORK_CONNECTION"
        raise StoreError(f"{place}: {explain(words)}.") from error
    except exceptions.BotoCoreError as error:
        raise StoreError(f"{place}: {explain(str(error))}.") from error


def status_of(error: Any) -> tuple[int, str]:
    """The HTTP status and S3's own code of a ``ClientError``."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


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
