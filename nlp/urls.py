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

TRACKING_PREFIXES = (
    "utm_", "mtm_", "matomo_", "pk_", "piwik_", "hsa_", "oly_", "itm_", "hmb_", "guce_", "ns_",
    "wt_", "wt.", "elq", "bsft_", "sfmc_", "rtm_", "trk_", "at_medium", "at_campaign", "at_custom",
    "at_link", "at_bbc", "at_ptr", "at_format", "fb_action", "aspsessionid",
)  # fmt: skip
"""Of the parameters by which measuring services mark a click: Google, Matomo, HubSpot, Omeda,
Yahoo, comScore, Webtrekk, Oracle, Salesforce, Piano and others."""

TRACKING_PARAMETERS = frozenset({
    # advertisements
    "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "ysclid", "twclid",
    "ttclid", "li_fat_id", "irclickid", "irgwc", "ef_id", "s_kwcid", "mkwid", "pcrid", "zanpid",
    "rb_clickid", "wickedid", "epik", "srsltid", "ob_click_id", "dicbo", "tblci", "_openstat",
    "adfrom", "gad_source", "gad_campaignid",
    # networks and messengers
    "fbclid", "fb_ref", "fb_source", "fb_comment_id", "mibextid", "igshid", "igsh", "ref_src",
    "ref_url", "__twitter_impression", "action_object_map", "action_type_map", "action_ref_map",
    "soc_src", "soc_trk", "sr_share", "smid", "smtyp", "sms_ss", "spref", "trk", "trkcampaign",
    "trkinfo", "lipi", "wprov", "share_token", "ig_rid",
    # letters to subscribers
    "mc_cid", "mc_eid", "mc_tc", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp",
    "hsctatracking", "hss_channel", "vero_id", "vero_conv", "_bhlid", "_ke", "_kx", "dm_i",
    "ml_subscriber", "ml_subscriber_hash", "emci", "emdi", "ceid", "awt_l", "awt_m", "cndid",
    "mbid", "bxid", "_branch_match_id", "_branch_referrer", "__readwiselocation",
    "ck_subscriber_id",
    # the sites' own measurements
    "_ga", "_gl", "campaign_id", "campaign_medium", "campaign_name", "campaign_source",
    "campaign_term", "campaign_content", "ga_source", "ga_medium", "ga_campaign", "ga_term",
    "ga_content", "s_cid", "sc_cid", "sc_campaign", "cmpid", "cmp", "icid", "ncid", "ito", "xtor",
    "xtref", "guccounter", "spm", "scm", "dgcid", "taid", "mod_source", "traffic_source", "gs_l",
    "hootpostid", "wtrid", "__s",
    # sessions
    "jsessionid", "phpsessid",
})  # fmt: skip
"""They identify a click or a visit, not a page. Any other parameter may identify an article: `?v=`,
`?id=`."""

MAX_HOST_CHARS = 1_000
"""Of a host before its conversion, whose cost grows with the square of its length."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Allowed unescaped in a path and in a query (RFC 3986, 2.2 and 2.3), and "%" for escapes.
_PATH_SAFE = "/:@!$&'()*+,;=~%"
_QUERY_SAFE = "/?:@!$'()*+,;=~%&"
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_JOINT = re.compile(r"&(?:amp;)*|\?(?=utm_)")
"""What parts two parameters: also an ampersand that was escaped once too often, and a second
question mark, which some services put before their own."""
_LONE_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def canonical_url(url: str) -> str:
    """The form of `url` that all links to one article share.

    Lower-case scheme and host (IDNA); no credentials, default port, fragment, and no tracking or
    session parameters; the other parameters sorted; percent-escapes in upper case, and only where
    RFC 3986, 6.2.2 requires them. Idempotent. Raises ValueError for anything but an absolute http
    or https URL.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"not an absolute http or https URL: {url[:200]!r}")
    path = _escaped(_SESSION.sub("", parts.path), _PATH_SAFE) or "/"
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
    forbidden = any(char in bare for char in " \t\r\n<>\"'\\^`{|}%:")
    if forbidden or not 0 < len(bare) <= MAX_HOST_CHARS:
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
        for pair in _JOINT.split("&" + query)
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
