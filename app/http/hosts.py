"""The names under which the web service answers, and who can reach it.

With DNS rebinding, a page elsewhere resolves a name of its own to our address. To the browser, our
responses are then of the page's own origin, so that the page may read and change everything. Only
the `Host` header gives it away, which holds that name and which no page can change.
"""

from __future__ import annotations

import ipaddress
import re

from msgspec import Struct

from tasks.errors import InvalidSettings

PROXY_SECRET_HEADER = "X-Curator-Proxy-Secret"  # noqa: S105 - its name
"""What an authenticating proxy sends with each request, and the command where it is configured."""

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@/?#\\\s]+))(?::[0-9]*)?")


class AllowedHosts(Struct, frozen=True, kw_only=True):
    """The hosts that a request may name: loopback, what web listens on, and what was configured."""

    bound: str
    """What web listens on: an address or a name."""
    names: tuple[str, ...] = ()
    """Further names and addresses, without ports."""

    def allow(self, header: str, local_address: str | None) -> bool:
        """Whether a request with this `Host` header, received at this address, is for us.

        The port is not compared: a forwarded port is not the one that we listen on. The address at
        which the connection arrived is always allowed: a rebound name is never an address.
        """
        host = host_in(header)
        if host is None:
            return False
        own = {_normal(name) for name in (self.bound, *self.names)}
        return is_loopback(host) or host in own or _same_address(host, local_address)

    def allow_origin(self, origin: str, header: str) -> bool:
        """Whether a page of this origin may change something.

        It must be the host of the request with its port, or a configured name on the default port:
        a proxy may have put another name into `Host`. Any other origin on a loopback host is a
        stranger: it may be the development server of another project.
        """
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https") or not authority:
            return False
        if authority.lower() == header.lower():
            return True
        return authority.lower() in {_authority(name) for name in self.names}


def host_in(header: str) -> str | None:
    """The host in a `Host` header, without the port; None if it is malformed."""
    match_ = _HOST.fullmatch(header)
    return _normal(match_["address"] or match_["name"]) if match_ else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant."""
    host = _normal(host)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_exposure(http_host: str, *, unsafe_open: bool, proxy_secret: str | None) -> None:
    """Raises InvalidSettings if other machines could use web without any authentication."""
    if is_loopback(http_host) or unsafe_open or proxy_secret:
        return
    raise InvalidSettings(
        f"HTTP_HOST={http_host[:80]!r}: there is no authentication, so every machine that reaches "
        "this address could read, submit and delete jobs; set HTTP_HOST=127.0.0.1, or PROXY_SECRET "
        "for a proxy that authenticates, or UNSAFE_OPEN=1 if only trusted machines reach it"
    )


def _normal(host: str) -> str:
    """The host in the one form in which it is compared."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().removesuffix(".")
    return str(getattr(address, "ipv4_mapped", None) or address)


def _same_address(host: str, local_address: str | None) -> bool:
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(_normal(local_address or ""))
    except ValueError:
        return False


def _authority(host: str) -> str:
    """The host as it is written in an origin."""
    host = _normal(host)
    return f"[{host}]" if ":" in host else host
