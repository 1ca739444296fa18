"""A URL that may be asked for: parsed once, checked, and used as it was checked.

Ports are those that public sites use. A page that sends us to port 22 or 6379 of some host wants
to use us for something else than reading.
"""

from __future__ import annotations

import re

import httpx

from tasks.errors import PermanentFailure, Reason
from tasks.fetch.addresses import ends_in_number, is_public, literal_address

PUBLIC_PORTS = frozenset({80, 443, 8080, 8443})

MAX_URL_LENGTH = 8_000

MAX_HOST_LENGTH = 253

_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")

_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".onion")
"""Names that are never public. A proxy would resolve them in its own network."""


def parse_target(url: str, *, allow_private: bool = False) -> httpx.URL:
    """The URL without fragment and without the dot that may end a host's name.

    With `allow_private`, only its form is checked. Raises PermanentFailure.
    """
    if len(url) > MAX_URL_LENGTH:
        raise _invalid("The address is too long.")
    try:
        target = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise _invalid("The address is not a valid URL.") from error
    if target.scheme not in ("http", "https"):
        raise _invalid("The address must begin with http:// or https://.")
    if target.userinfo:
        raise _invalid("The address must not carry a user name.")
    host = target.raw_host.decode("ascii").lower().removesuffix(".")
    _check_host(host, allow_private)
    _check_port(target, allow_private)
    return target.copy_with(host=host, fragment=None)


def join_target(base: httpx.URL, location: str, *, allow_private: bool = False) -> httpx.URL:
    """Where a redirect leads, checked like any other URL. Raises PermanentFailure."""
    try:
        joined = base.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise _invalid("The page redirects to an invalid URL.") from error
    return parse_target(str(joined), allow_private=allow_private)


def origin_of(target: httpx.URL) -> str:
    """Scheme, host and port, as robots.txt is valid for."""
    return f"{target.scheme}://{target.netloc.decode('ascii')}"


def _check_port(target: httpx.URL, allow_private: bool) -> None:
    if target.port is None:
        return
    if not 1 <= target.port <= 65535:
        raise _invalid("The address has no valid port.")
    if not allow_private and target.port not in PUBLIC_PORTS:
        raise PermanentFailure(
            Reason.BLOCKED_ADDRESS, "The address uses a port that public sites do not."
        )


def _check_host(host: str, allow_private: bool) -> None:
    address = literal_address(host)
    if address is None and not (len(host) <= MAX_HOST_LENGTH and _NAME.fullmatch(host)):
        raise _invalid("The address has no valid host.")
    if allow_private:
        return
    if address is not None:
        if not is_public(address):
            raise blocked()
    elif ends_in_number(host) or "." not in host or host.endswith(_LOCAL_ENDINGS):
        raise blocked()


def blocked() -> PermanentFailure:
    """What every refusal says, so that it tells nothing about the network that we stand in."""
    return PermanentFailure(Reason.BLOCKED_ADDRESS, "The address does not lead to a public site.")


def _invalid(detail: str) -> PermanentFailure:
    return PermanentFailure(Reason.INVALID_URL, detail)
