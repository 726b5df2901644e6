"""Who may connect: checks of the Host, the Origin and the token, as pure functions of a request's headers."""

import hmac
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

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
    """What a request must show; each check gives a sentence for the client, or None where it may pass."""

    host: str
    """What the server is bound to."""
    token: str | None = None
    allowed_origins: Sequence[str] = ()
    """Origins like ``https://example.org`` whose pages may connect too; ``*`` is all of them."""

    def check_host(self, host: str | None) -> str | None:
        """Refuse a name that is not ours: a foreign page that had its own name point here (DNS rebinding) shows it."""
        match = _HOST.fullmatch(host or "")
        if match is None:
            return "The request has no proper Host."
        name = match["name"].strip("[]").lower().removesuffix(".")
        if name == "localhost" or name == self.host.lower() or name in self._own_names():
            return None
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return f"This server does not go by the name {name}. Use its address, or start it with --allow-origin."
        if is_loopback(self.host) and not address.is_loopback:
            return "This server is for this machine alone."
        return None

    def check_origin(self, origin: str | None, host: str | None) -> str | None:
        """Refuse the page of another site, which a browser names; programs name none."""
        if origin is None or "*" in self.allowed_origins or origin in self.allowed_origins:
            return None
        if origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower()):
            return None
        site = origin[:200]
        return f"Pages of {site} may not connect. Start the server with --allow-origin {site} to let them."

    def check_token(self, query: str, authorization: str | None) -> str | None:
        """Refuse what does not show the token, in the query or as a bearer."""
        if self.token is None:
            return None
        shown = parse_qs(query, max_num_fields=32).get("token", [])
        if authorization and authorization.lower().startswith("bearer "):
            shown.append(authorization[len("bearer ") :].strip())
        if any(hmac.compare_digest(self.token.encode(), text.encode()) for text in shown):
            return None
        return "This server wants its token: add ?token=... to the address." if not shown else "The token is wrong."

    def _own_names(self) -> set[str]:
        names = {urlsplit(origin).hostname or "" for origin in self.allowed_origins}
        if not is_loopback(self.host):
            own = socket.gethostname().lower()
            names |= {own, f"{own}.local", f"{own.partition('.')[0]}.local"}
        return names - {""}
