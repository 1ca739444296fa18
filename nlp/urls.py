"""The canonical URL of an article, and the registrable domain of its publisher."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit

import idna

if TYPE_CHECKING:
    from tldextract import TLDExtract

TRACKING_PREFIXES = ("utm_", "mtm_", "pk_", "hsa_", "oly_")
"""Urchin (Google Analytics), Matomo, Piwik, HubSpot Ads, Omeda."""

TRACKING_PARAMETERS = frozenset({
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "ysclid",
    "twclid", "ttclid", "li_fat_id", "mc_cid", "mc_eid", "igshid", "igsh", "_ga", "_gl",
    "_hsenc", "_hsmi", "mkt_tok", "ref_src", "ref_url", "s_cid", "cmpid", "vero_id", "wickedid",
    "at_medium", "at_campaign",
})  # fmt: skip
"""They identify a click, not a page. Any other parameter may identify an article: `?v=`, `?id=`."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Allowed unescaped in a path and in a query (RFC 3986, 2.2 and 2.3), and "%" for escapes.
_PATH_SAFE = "/:@!$&'()*+,;=~%"
_QUERY_SAFE = "/?:@!$'()*+,;=~%&"
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_LONE_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def canonical_url(url: str) -> str:
    """The form of `url` that all links to one article share.

    Lower-case scheme and host (IDNA); no credentials, default port, fragment or tracking
    parameters; the other parameters sorted; percent-escapes in upper case, and only where RFC 3986,
    6.2.2 requires them. Idempotent. Raises ValueError for anything but an absolute http or https
    URL.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"not an absolute http or https URL: {url[:200]!r}")
    path = _escaped(parts.path, _PATH_SAFE) or "/"
    query = _kept_query(parts.query)
    return f"{parts.scheme}://{_authority(parts)}{path}{'?' + query if query else ''}"


def registrable_domain(url: str) -> str:
    """The domain under which the host is registered, by the bundled public suffix list.

    `www.bbc.co.uk` → `bbc.co.uk`. An IP address, a single label, or a host that is itself a public
    suffix is returned as it is. Under an unknown suffix it is the last two labels:
    `www.northwire.example` → `northwire.example`. Raises ValueError as `canonical_url` does.
    """
    parts = urlsplit(canonical_url(url))
    host = parts.hostname or ""
    if _is_address(host):
        return host
    return _suffixes()(host).top_domain_under_public_suffix or _last_two_labels(host)


def _last_two_labels(host: str) -> str:
    if _suffixes()(host).suffix:
        return host
    return ".".join(host.split(".")[-2:])


@lru_cache(maxsize=1)
def _suffixes() -> TLDExtract:
    # Imported late: it imports requests, which callers of canonical_url do not need.
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


def _authority(parts: SplitResult) -> str:
    host = _host(parts.hostname or "")
    port = parts.port
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        return host
    return f"{host}:{port}"


def _host(host: str) -> str:
    if _is_address(host):
        return f"[{ipaddress.ip_address(host)}]" if ":" in host else host
    bare = host.rstrip(".").lower()
    if not bare or any(char in bare for char in " \t\r\n<>\"'\\^`{|}%:"):
        raise ValueError(f"not a host name: {host[:200]!r}")
    if bare.isascii():
        return bare
    try:
        return idna.encode(bare, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"not a host name: {host[:200]!r}") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _kept_query(query: str) -> str:
    kept = [
        _escaped(pair, _QUERY_SAFE)
        for pair in query.split("&")
        if pair and not _is_tracking(unquote(pair.partition("=")[0]))
    ]
    return "&".join(sorted(kept))


def _is_tracking(name: str) -> bool:
    name = name.lower()
    return name in TRACKING_PARAMETERS or name.startswith(TRACKING_PREFIXES)


def _escaped(text: str, safe: str) -> str:
    return quote(_ESCAPE.sub(_minimal, _LONE_PERCENT.sub("%25", text)), safe=safe)


def _minimal(escape: re.Match[str]) -> str:
    byte = int(escape.group(1), 16)
    return chr(byte) if byte in _UNRESERVED else escape.group().upper()
