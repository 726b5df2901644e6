"""The addresses and names of rigs, as a user gives them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from telemetry.base.errors import UsageError
from telemetry.stream.options import DEFAULT_PORT
from telemetry.stream.upstream import name_address

MAX_RIGS: Final = 50
"""Rigs of one server: with two connections to each, all fit what Windows can wait for together."""

MAX_NAME_LENGTH: Final = 40

_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME_LENGTH - 1}}}")
_NAMED: Final = re.compile(r"([^=:/?#\[\]]*)=\s*(.*)", re.DOTALL)
_MAX_FILE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class RigAddress:
    """Where a rig serves, and what it is called here."""

    name: str
    """In addresses, metrics and on the page."""
    shown: str
    """Its address without secrets."""
    url: str = field(repr=False)
    """Its address with the options that the user gave, without the token."""
    token: str | None = field(default=None, repr=False)


class _Entry(NamedTuple):
    """One rig as it was given."""

    name: str | None
    url: str
    place: str
    """Where it stands, to begin a message with; empty on the command line."""


def parse_rigs(text: str, token: str | None = None) -> tuple[RigAddress, ...]:
    """The rigs of a list like ``ws://rig1,left=ws://10.0.0.5``, or of a file like ``@rigs.txt``, in their order.

    A rig without a name is called as its computer; where several would be, with the port after it. Without a port it
    is that of ``serve``, and 443 for ``wss``.

    :param token: that of the rigs whose address has none

    Raises :class:`telemetry.UsageError` for what is no address or name, and for a name that two rigs have.
    """
    entries = [entry for part in text.split(",") if part.strip() for entry in _read_entries(part.strip())]
    if not entries:
        raise UsageError("--collect needs addresses, like ws://rig1,ws://rig2, or a file of them, like @rigs.txt.")
    if len(entries) > MAX_RIGS:
        raise UsageError(f"--collect got {len(entries)} rigs; one server collects at most {MAX_RIGS}.")
    rigs = [_make_address(entry, token) for entry in entries]
    return _check_names(_find_names(entries, rigs), entries)


def _read_entries(part: str) -> Iterable[_Entry]:
    named = _NAMED.fullmatch(part)
    if not part.startswith("@") and "://" in part:
        return [_Entry(named[1].strip(), named[2], "") if named else _Entry(None, part, "")]
    return _read_file(Path(part.removeprefix("@")))


def _read_file(path: Path) -> list[_Entry]:
    """The rigs of a file: one a line, ``name = address`` or an address; ``#`` begins a comment."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        sentence = f"{path} is neither an address like ws://rig1:8765 nor a file of addresses: {error.strerror}."
        raise UsageError(sentence) from error
    except ValueError as error:  # a name with a NUL
        raise UsageError(f"{str(path)!r} is no name of a file.") from error
    if len(data) > _MAX_FILE_BYTES:
        raise UsageError(f"{path} is no file of addresses: it has more than {_MAX_FILE_BYTES // 1024} KiB.")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no file of addresses: it is not UTF-8 text.") from error
    entries = []
    for number, line in enumerate(lines, 1):
        stripped = re.sub(r"(^|\s)#.*", "", line).strip()
        if not stripped:
            continue
        named = _NAMED.fullmatch(stripped)
        name, url = (named[1].strip(), named[2]) if named else (None, stripped)
        entries.append(_Entry(name, url, f"{path}, line {number}: "))
    if not entries:
        raise UsageError(f"{path} has no address; a line is an address, or name = ws://rig1:8765.")
    return entries


def _make_address(entry: _Entry, token: str | None) -> RigAddress:
    try:
        shown = name_address(entry.url)
    except UsageError as error:
        raise UsageError(f"{entry.place}{error}") from error
    parts = urlsplit(entry.url)
    if parts.scheme == "ws" and parts.port is None:
        parts = parts._replace(netloc=f"{parts.netloc}:{DEFAULT_PORT}")
        shown = name_address(parts.geturl())
    options = parse_qsl(parts.query, keep_blank_values=True)
    own = [value for key, value in options if key == "token"]
    query = urlencode([(key, value) for key, value in options if key != "token"])
    url = urlunsplit(parts._replace(path=parts.path or "/", query=query, fragment=""))
    return RigAddress(entry.name or "", shown, url, own[-1] if own else token)


def _find_names(entries: Sequence[_Entry], rigs: Sequence[RigAddress]) -> list[RigAddress]:
    """The rigs with names for those that have none."""
    hosts = [urlsplit(rig.url).hostname or "" for rig in rigs]
    counts = Counter(host for host, entry in zip(hosts, entries, strict=True) if entry.name is None)
    found = []
    for entry, rig, host in zip(entries, rigs, hosts, strict=True):
        if entry.name is not None:
            found.append(rig)
            continue
        parts = urlsplit(rig.url)
        name = f"{host}-{parts.port or 443}" if counts[host] > 1 else host
        found.append(replace(rig, name=re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:MAX_NAME_LENGTH]))
    return found


def _check_names(rigs: Sequence[RigAddress], entries: Sequence[_Entry]) -> tuple[RigAddress, ...]:
    seen: dict[str, RigAddress] = {}
    for rig, entry in zip(rigs, entries, strict=True):
        if not _NAME.fullmatch(rig.name):
            sentence = (
                f"{rig.name!r} cannot be the name of a rig; use up to {MAX_NAME_LENGTH} letters a-z, digits, and . _ - "
                f"after the first one, as in left=ws://rig1:8765."
            )
            raise UsageError(f"{entry.place}{sentence}")
        other = seen.setdefault(rig.name.lower(), rig)
        if other is not rig:
            sentence = (
                f"Two rigs have the name {rig.name}: {other.shown} and {rig.shown}. Name them, as in left=ws://..."
            )
            raise UsageError(f"{entry.place}{sentence}")
    return tuple(rigs)
