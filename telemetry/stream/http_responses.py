"""HTTP responses on the stream's port, as values: the page's files, health and metrics. Nothing is sent here."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
"""Content types by suffix; files with another suffix are not served."""

DASHBOARD_FOLDER: Final = Path(__file__).parent / "dashboard"
"""The files of the dashboard, within the package."""

_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws://{host} wss://{host}; "
    "img-src 'self' data:; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline code and no foreign host. Not every browser counts ``ws://`` of the same host as ``'self'``."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response that is still to be sent."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def text_response(status: HTTPStatus, sentence: str, **headers: str) -> HttpResponse:
    """A response with one sentence; ``headers`` have underscores in place of hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, f"{sentence}\n".encode(), {"Content-Type": "text/plain; charset=utf-8", **named})


def json_response(values: Mapping[str, Any]) -> HttpResponse:
    """A response with a JSON object, which no cache may keep."""
    body = orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return HttpResponse(HTTPStatus.OK, body, {"Content-Type": "application/json", "Cache-Control": "no-store"})


class MetricValue(NamedTuple):
    """One value of a metric."""

    value: float
    labels: str = ""
    """Its labels as they stand between braces, like ``state="live"``; empty for none."""
    suffix: str = ""
    """What follows the metric's name, like ``_sum``."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of Prometheus."""

    name: str
    kind: str
    """``gauge``, ``counter`` or ``summary``."""
    help: str
    """What the metric counts, as a sentence."""
    values: Sequence[MetricValue]

    def lines(self) -> Iterable[str]:
        """The metric in Prometheus' text format."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for value, labels, suffix in self.values:
            yield f"{self.name}{suffix}{f'{{{labels}}}' if labels else ''} {value!r}"


def prometheus_response(metrics: Iterable[Metric]) -> HttpResponse:
    """A response with metrics in Prometheus' text format."""
    body = "".join(f"{line}\n" for metric in metrics for line in metric.lines()).encode()
    content_type = "text/plain; version=0.0.4; charset=utf-8"
    return HttpResponse(HTTPStatus.OK, body, {"Content-Type": content_type, "Cache-Control": "no-store"})


def file_response(folder: Path, path: str, host: str, if_none_match: str | None) -> HttpResponse:
    """A response with the file at this path of the URL, if it lies in the folder; else one with status 404.

    ``host`` is the request's ``Host``, ``if_none_match`` the header of that name: the tags of what the client has.
    """
    file = _find_file(folder, path)
    if file is None:
        if path == "/" and not (folder / "index.html").is_file():
            sentence = "This installation has no web page; the stream is at this address with ws://."
            return text_response(HTTPStatus.NOT_FOUND, sentence)
        return text_response(HTTPStatus.NOT_FOUND, "Not found. Available are /, /healthz and /metrics.")
    return content_response(file.read_bytes(), file.suffix.lower(), host, if_none_match)


def content_response(body: bytes, suffix: str, host: str, if_none_match: str | None) -> HttpResponse:
    """A response with this content of a file with such a suffix; nothing but its tag where the client has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "Content-Type": CONTENT_TYPES[suffix],
        "Content-Security-Policy": _CONTENT_SECURITY_POLICY.format(host=host),
        "Cache-Control": "no-cache",  # may be kept, but must be checked every time
        "ETag": tag,
    }
    known = [entry.strip().removeprefix("W/") for entry in (if_none_match or "").split(",")]
    if "*" in known or tag in known:
        return HttpResponse(HTTPStatus.NOT_MODIFIED, b"", headers)
    return HttpResponse(HTTPStatus.OK, body, headers)


def _find_file(folder: Path, path: str) -> Path | None:
    """The file at this path of the URL; None if no such file may be served."""
    parts = unquote(path).removeprefix("/").split("/")
    if parts == [""]:
        parts = ["index.html"]
    if not all(map(_is_plain_name, parts)):
        return None
    file = folder.joinpath(*parts)
    try:
        is_inside = file.resolve().is_relative_to(folder.resolve()) and file.is_file()
    except (OSError, ValueError):
        return None
    return file if is_inside and file.suffix.lower() in CONTENT_TYPES else None


def _is_plain_name(part: str) -> bool:
    """Whether this part of a path cannot lead out of the folder on any system.

    That excludes parents, drives, alternate streams, hidden files and the names of devices.
    """
    if not part or part.startswith(".") or not part.isprintable():
        return False
    return not any(character in part for character in '\\:*?"<>|')
