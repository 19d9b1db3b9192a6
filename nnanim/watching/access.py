"""Who may see the page: this computer alone, or whoever has the token.

A page of another site can send requests to a server on the reader's own computer, and by a name that it points there
(DNS rebinding) read the answers too. So a request must name the server by a name that is its own, and say that it
comes from the served page if it says anything about that.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOKEN_BYTES = 16
HTTP_PORT = 80  # which browsers leave out of the address


@dataclass(frozen=True)
class Access:
    """Who may see the page.

    Attributes:
        host: where it is served.
        port: likewise.
        names: by which a request may call the server; with a token also by any address in numbers.
        token: what the address must hold where other computers are served.
    """

    host: str
    port: int
    names: frozenset[str] = frozenset(LOOPBACK)
    token: str | None = None

    @classmethod
    def of(cls, host: str | None, port: int) -> Access:
        """Serve this computer alone, or others too at `host`."""
        if host is None:
            return cls(LOOPBACK[1], port)
        names = frozenset([*LOOPBACK, host.lower(), socket.gethostname().lower()])
        return cls(host, port, names, secrets.token_urlsafe(TOKEN_BYTES))

    @property
    def address(self) -> str:
        """Where the page is, with the token."""
        host = socket.gethostname() if _is_any(self.host) else self.host
        return address_of(host, self.port) + ("" if self.token is None else f"?token={self.token}")

    def why_refused(self, hosts: Sequence[str], origin: str | None, query: Mapping[str, str]) -> str | None:
        """Say why a request is refused; None where it is not.

        Args:
            hosts: its ``Host`` headers.
            origin: its ``Origin`` header, if any.
            query: what stands behind the ``?`` in its address.
        """
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return "this server has another name"
        if origin is not None and origin.lower() != f"http://{hosts[0].lower()}":
            return "only the page itself may ask"
        if self.token is not None and not secrets.compare_digest(query.get("token", "").encode(), self.token.encode()):
            return "the address lacks its token (take it from where nnanim watch runs)"
        return None

    def _is_own(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port
        except ValueError:
            return False
        if name is None or parts.netloc != host or "@" in host or (port or HTTP_PORT) != self.port:
            return False
        # No name points elsewhere that is none: numbers cannot be rebound.
        return name in self.names or (self.token is not None and _is_number(name))


def address_of(host: str, port: int) -> str:
    """Write an address as a browser takes it."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_any(host: str) -> bool:
    return _is_number(host) and ip_address(host).is_unspecified
