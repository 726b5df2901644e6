"""What can go wrong with an object store, as sentences: pyarrow reports nearly all of it as an OSError with a text."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from telemetry.base.errors import TelemetryError


class StoreError(TelemetryError):
    """A store that does not do what it is asked for, now or at all; what it had before is as it was."""


class _Reason(NamedTuple):
    """What a pattern in pyarrow's text means."""

    pattern: str
    sentence: str


_CLOCK_IS_OFF: Final = (
    "it refuses requests of this computer, whose clock is wrong by more than it allows. Set the time of this computer"
)

_REASONS: Final = tuple(
    _Reason(pattern, sentence)
    for pattern, sentence in (
        (r"REQUEST_TIME_TOO_SKEWED|REQUEST_EXPIRED", _CLOCK_IS_OFF),
        (r"INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|UNRECOGNIZED_CLIENT|INVALID_CLIENT_TOKEN",
         "it does not know these credentials. Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (r"HTTP status 401|ACCESS_DENIED|MISSING_AUTHENTICATION_TOKEN|NotSignedIn|Forbidden|HTTP status 403",
         "it refuses access (403). Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights of that user"),
        (r"NO_SUCH_BUCKET", "there is no such bucket. Make it, or name another one"),
        (r"HTTP status 301|HTTP status 307|PermanentRedirect|AuthorizationHeaderMalformed",
         "the bucket is in another region. Set AWS_REGION to its region"),
        (r"Storage ?Full|HTTP status 507|QuotaExceeded|InsufficientStorage|No ?space|EntityTooLarge",
         "it is full (507). Make room there, or raise its quota"),
        (r"SLOW_DOWN|THROTTLING|HTTP status 429", "it asks for fewer requests (slow down)"),
        (r"HTTP status 5\d\d|INTERNAL_FAILURE|SERVICE_UNAVAILABLE|INTERNAL_ERROR",
         "it does not serve requests now ({status})"),
        (r"Timeout was reached|Operation too slow|REQUEST_TIMEOUT|timed out", "it does not answer in time"),
        (r"Could not resolve", "there is no host of that name, or no network"),
        (r"SSL|certificate", "its certificate is not trusted, or it speaks no HTTPS. Check the endpoint's https:// or http://"),
        (r"NETWORK_CONNECTION", "it cannot be reached"),
        (r"XML_ERROR", "what answers there does not speak S3. Check the endpoint"),
    )
)  # fmt: skip


@contextmanager
def store_errors(url: str) -> Iterator[None]:
    """Inside, what pyarrow raises about the store at ``url`` becomes a :class:`StoreError`.

    A FileNotFoundError stays one: only the caller knows what it means that something is not there.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"{url}: {explain(str(error))}.") from error


def explain(text: str) -> str:
    """The reason in words, without a dot at the end, of what pyarrow says; its own words where they are not known."""
    for reason in _REASONS:
        if re.search(reason.pattern, text, re.IGNORECASE):
            status = re.search(r"HTTP status (\d+)", text)
            return reason.sentence.format(status=status[1] if status else 503)
    return text.removesuffix(".")
