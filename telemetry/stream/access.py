"""Who may connect: checks of the Host, the Origin and the token, as pure functions of a request's headers."""

import hmac
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from telemetry.base.errors import UsageError

_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::(?P<port>\d{1,5}))?")


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach a server at this address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The rules that a request must meet. Each check returns None, or the reason for a refusal as a sentence.

    Raises :class:`telemetry.UsageError` for an allowed origin that is no address.
    """

    host: str
    """Address that the server listens on."""
    token: str | None = None
    """Token that every client must send; None: clients need none."""
    allowed_origins: Sequence[str] = ()
    """Origins like ``https://example.org`` whose pages may connect too; ``*`` allows all of them."""

    def __post_init__(self) -> None:
        for origin in self.allowed_origins:
            try:
                urlsplit(origin)
            except ValueError:
                raise UsageError(
                    f"{origin} is not the origin of a page; an origin looks like http://localhost:3000."
                ) from None

    def check_host(self, host: str | None) -> str | None:
        """Check the ``Host`` header.

        A foreign page whose own name was made to point here (DNS rebinding) sends that name, and is refused by it.
        """
        match = _HOST.fullmatch(host or "")
        if match is None:
            return "Missing or invalid Host header."
        name = match["name"].strip("[]").lower().removesuffix(".")
        if name == "localhost" or name == self.host.lower() or name in self._own_names():
            return None
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return (
                f"Host name not allowed: {name}. Use the server's IP address, or start the server with --allow-origin."
            )
        if is_loopback(self.host) and not address.is_loopback:
            return "This server accepts connections from this machine only. Start it with --host to change that."
        return None

    def check_origin(self, origin: str | None, host: str | None) -> str | None:
        """Check the ``Origin`` header: browsers send the site of the page in it, other programs send none."""
        if origin is None or "*" in self.allowed_origins or origin in self.allowed_origins:
            return None
        if origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower()):
            return None
        site = origin[:200]
        return f"Pages of {site} are not allowed to connect. Start the server with --allow-origin {site} to allow them."

    def check_token(self, query: str, authorization: str | None) -> str | None:
        """Check the token, given in the query of the address or as a bearer token in ``Authorization``."""
        if self.token is None:
            return None
        given = parse_qs(query).get("token", [])
        if authorization and authorization.lower().startswith("bearer "):
            given.append(authorization[len("bearer ") :].strip())
        if any(hmac.compare_digest(self.token.encode(), text.encode()) for text in given):
            return None
        return "Wrong token." if given else "Missing token: add ?token=... to the address."

    def check_marker(self, address: str, own_address: str) -> str | None:
        """Check whether a client at this address may set markers, which go into the recording.

        ``own_address`` is the server's end of its connection. Clients of other computers need a token, whose check
        they have passed where there is one.
        """
        if self.token is not None or is_loopback(address) or address == own_address:
            return None
        return "Other computers may set markers only where there is a token. Start the server with --token new."

    def _own_names(self) -> set[str]:
        names = {urlsplit(origin).hostname or "" for origin in self.allowed_origins}
        if not is_loopback(self.host):
            machine = socket.gethostname().lower()
            names |= {machine, f"{machine}.local", f"{machine.partition('.')[0]}.local"}
        return names - {""}
