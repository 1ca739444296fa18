"""The cookies of one fetch, from its first redirect to its page (RFC 6265).

Some sites send every new reader to a page that sets a cookie and back, and without the cookie in a
circle. Nothing is kept after the fetch: the next one comes as a new reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import httpx

from nlp.urls import registrable_domain

MAX_COOKIES = 50
"""As many as browsers keep for a site at least; later ones are ignored."""

MAX_COOKIE_CHARS = 4_096
"""Of one `Set-Cookie` (RFC 6265, section 6.1), and of what is sent in one request."""

_COOKIE = re.compile(r"([^\x00-\x20\x7f-\uffff=;]+)[ \t]*=[ \t]*([^\x00-\x1f\x7f-\uffff;]*)")
_EXPIRED = re.compile(
    r"max-age *= *(?:0|-[0-9]+)|expires *=.*(?:[- ]19[0-9]{2}|-[67][0-9]) .*", re.I
)
"""How sites delete a cookie: by a moment of the last century."""


class CookieJar:
    """What the sites of one fetch have set."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], tuple[str, bool]] = {}
        """By domain and name: the value, and whether it is for secure connections alone. A domain
        that begins with a dot includes its subdomains."""

    def store(self, target: httpx.URL, headers: Sequence[str]) -> None:
        """Keeps what these values of `Set-Cookie` set, and deletes what they end."""
        for header in headers[:MAX_COOKIES]:
            cookie = _COOKIE.match(header.strip()) if len(header) <= MAX_COOKIE_CHARS else None
            if cookie is None:
                continue
            attributes = [part.strip() for part in header.split(";")[1:]]
            domain = _domain_of(_host(target), attributes)
            if domain is None:
                continue
            key = (domain, cookie[1])
            if any(_EXPIRED.fullmatch(attribute) for attribute in attributes):
                self._values.pop(key, None)
            elif key in self._values or len(self._values) < MAX_COOKIES:
                secure = any(attribute.lower() == "secure" for attribute in attributes)
                self._values[key] = (cookie[2].strip(), secure)

    def header_for(self, target: httpx.URL) -> str:
        """The value of `Cookie` in a request to this address; empty where there is none to send."""
        sent: list[str] = []
        for (domain, name), (value, secure) in self._values.items():
            if _matches(domain, _host(target)) and (target.scheme == "https" or not secure):
                sent.append(f"{name}={value}")
        joined = "; ".join(sent)
        return joined if len(joined) <= MAX_COOKIE_CHARS else ""


def _host(target: httpx.URL) -> str:
    return target.raw_host.decode("ascii")


def _domain_of(host: str, attributes: Sequence[str]) -> str | None:
    """The domain of a cookie that `host` sets; None where it is not the host's to set.

    Paths are not compared: within one fetch that would only hide a cookie from its own site.
    """
    named = [part[7:].strip(" .").lower() for part in attributes if part.lower()[:7] == "domain="]
    if not named or not named[-1] or named[-1] == host:
        return host if not named or not named[-1] else f".{host}"
    domain = named[-1]
    try:
        registered = registrable_domain(f"https://{host}/")
    except ValueError:
        return None
    of_host = host.endswith(f".{domain}")
    in_registered = domain == registered or domain.endswith(f".{registered}")
    return f".{domain}" if of_host and in_registered else None


def _matches(domain: str, host: str) -> bool:
    return host == domain.removeprefix(".") or (domain.startswith(".") and host.endswith(domain))
