"""Plain HTTP on the stream's port: the page's files, health and metrics. Answers are values; nothing is sent here."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import orjson

TYPES: Final = {
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
"""What is served, by suffix; anything else in the folder is not."""

PAGE: Final = Path(__file__).parent / "dashboard"
"""The dashboard's files, within the package."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws://{host} wss://{host}; "
    "img-src 'self' data:; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing inline and no foreign host; not every browser counts ws:// of the same host as 'self'."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response to be sent."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def text(status: HTTPStatus, sentence: str, **headers: str) -> HttpResponse:
    """A sentence for a person."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, f"{sentence}\n".encode(), {"Content-Type": "text/plain; charset=utf-8", **named})


def json(values: Mapping[str, Any]) -> HttpResponse:
    """Figures for a program."""
    body = orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return HttpResponse(HTTPStatus.OK, body, {"Content-Type": "application/json", "Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and its values by label text, like ``state="live"``, or by the empty text."""

    name: str
    kind: str
    help: str
    values: Mapping[str, float]

    def lines(self) -> Iterable[str]:
        """The metric in Prometheus' text format."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for label, value in self.values.items():
            # A summary's values are named by a suffix.
            place = f"{{{label}}}" if "=" in label else label
            yield f"{self.name}{place} {value!r}"


def prometheus(metrics: Iterable[Metric]) -> HttpResponse:
    """The metrics for Prometheus."""
    body = "".join(f"{line}\n" for metric in metrics for line in metric.lines()).encode()
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return HttpResponse(HTTPStatus.OK, body, {"Content-Type": kind, "Cache-Control": "no-store"})


def file(folder: Path, path: str, host: str, known: str | None) -> HttpResponse:
    """The file of this path of a URL, from within the folder alone; ``known`` is the tag of what the client has."""
    found = _find(folder, path)
    if found is None:
        if path == "/" and not (folder / "index.html").is_file():
            return text(HTTPStatus.NOT_FOUND, "This installation has no page; the stream is at this address as ws://.")
        return text(HTTPStatus.NOT_FOUND, "There is no such page. There are /, /healthz and /metrics.")
    body = found.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "Content-Type": TYPES[found.suffix.lower()],
        "Content-Security-Policy": _POLICY.format(host=host),
        "Cache-Control": "no-cache",  # kept, and asked about every time
        "ETag": tag,
    }
    if known is not None and (known == "*" or tag in (entry.strip().removeprefix("W/") for entry in known.split(","))):
        return HttpResponse(HTTPStatus.NOT_MODIFIED, b"", headers)
    return HttpResponse(HTTPStatus.OK, body, headers)


def _find(folder: Path, path: str) -> Path | None:
    parts = unquote(path).removeprefix("/").split("/")
    if parts == [""]:
        parts = ["index.html"]
    for part in parts:
        # Whatever could lead elsewhere on any system: parents, drives, streams, hidden and device names.
        if not part or part.startswith(".") or not part.isprintable() or any(sign in part for sign in '\\:*?"<>|'):
            return None
    found = folder.joinpath(*parts)
    try:
        inside = found.resolve().is_relative_to(folder.resolve()) and found.is_file()
    except (OSError, ValueError):
        return None
    return found if inside and found.suffix.lower() in TYPES else None
