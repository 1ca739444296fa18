"""HTTP caching headers, and the freshness of stored responses (RFC 9111).

Headers are parsed so that none can do harm. Validators go back to the site verbatim, so only
those of the exact form are accepted: an `ETag` of `*` would match everything.

All times are seconds since the epoch. The numbers of sections are those of RFC 9111.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re

import httpx
from msgspec import Struct, field, structs

MAX_HEADER_CHARS = 2_000
"""A longer Cache-Control is not parsed, and counts as `no-store`."""

MAX_DELTA_SECONDS = 2**31
"""Section 1.2.2: what counts as infinity."""

_DIRECTIVE = re.compile(r"""([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*))?""")
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,500}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


class CacheControl(Struct, frozen=True, kw_only=True):
    """The directives of a `Cache-Control` that concern us."""

    forbids_storing: bool = field(default=False, name="refused")
    """`no-store` or `private`."""
    no_cache: bool = False
    """The response must not be used without revalidation."""
    max_age: int | None = None
    """Seconds; None where it is not stated."""


class CacheHeaders(Struct, frozen=True, kw_only=True):
    """The caching headers of a response. A field is None where the header is missing or invalid."""

    cache_control: CacheControl | None = field(default=None, name="control")
    expires_s: float | None = None
    """0 for an `Expires` that is no date."""
    date_s: float | None = None
    age_s: float | None = None
    etag: str | None = None
    last_modified: str | None = None
    varies_by_anything: bool | None = field(default=None, name="varies")
    """`Vary: *`: the response depends on more than the request's headers."""

    @property
    def has_validator(self) -> bool:
        return self.etag is not None or self.last_modified is not None


def parse_cache_headers(headers: httpx.Headers) -> CacheHeaders:
    expires = headers.get("expires")
    vary = headers.get("vary")
    return CacheHeaders(
        cache_control=parse_cache_control(headers.get("cache-control")),
        expires_s=None if expires is None else parse_date(_single(headers, "expires")) or 0.0,
        date_s=parse_date(_single(headers, "date")),
        age_s=_delta_seconds(_single(headers, "age")),
        etag=_matching(_ETAG, _single(headers, "etag")),
        last_modified=_matching(_DATE, _single(headers, "last-modified")),
        varies_by_anything=None if vary is None else "*" in vary,
    )


def parse_cache_control(value: str | None) -> CacheControl | None:
    if value is None:
        return None
    if len(value) > MAX_HEADER_CHARS:
        return CacheControl(forbids_storing=True)
    directives = [
        (name.lower(), argument.strip('"')) for name, argument in _DIRECTIVE.findall(value)
    ]
    names = {name for name, _ in directives}
    ages = [
        _delta_seconds(argument) or 0
        for name, argument in directives
        if name in ("max-age", "s-maxage")
    ]
    return CacheControl(
        forbids_storing=not names.isdisjoint({"no-store", "private"}),
        no_cache="no-cache" in names,
        max_age=min(ages) if ages else None,
    )


def parse_date(value: str | None) -> float | None:
    """Seconds since the epoch; None for an invalid date."""
    if value is None or len(value) > 100:
        return None
    try:
        date = email.utils.parsedate_to_datetime(value)
        aware = date if date.tzinfo else date.replace(tzinfo=dt.UTC)
        return aware.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _single(headers: httpx.Headers, name: str) -> str | None:
    """The value of a header that may occur once; None if it occurs with different values."""
    values = {value.strip() for value in headers.get_list(name)}
    return values.pop() if len(values) == 1 else None


def _delta_seconds(value: str | None) -> int | None:
    """Section 1.2.2; None for an invalid number."""
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return min(int(value[:11]), MAX_DELTA_SECONDS)


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None


class StoredResponse(Struct, frozen=True, array_like=True):
    """A response as it was received, or last confirmed."""

    body: bytes
    """Decompressed."""
    content_type: str | None
    headers: CacheHeaders
    received_s: float
    """By our own clock."""
    initial_age_s: float
    """Its age when it was received, in seconds."""


_NO_DIRECTIVES = CacheControl()


def initial_age(headers: CacheHeaders, requested_s: float, received_s: float) -> float:
    """Section 4.2.3: the larger of the age by `Date`, and `Age` plus the response delay."""
    by_date = max(received_s - headers.date_s, 0.0) if headers.date_s is not None else 0.0
    delay = max(received_s - requested_s, 0.0)
    return max(by_date, (headers.age_s or 0.0) + delay)


def freshness_lifetime(headers: CacheHeaders, received_s: float) -> float:
    """Section 4.2.1: the seconds from its origin for which a response is fresh; 0 if not stated."""
    cache_control = headers.cache_control or _NO_DIRECTIVES
    if cache_control.max_age is not None:
        return float(cache_control.max_age)
    if headers.expires_s is None:
        return 0.0
    sent_s = headers.date_s if headers.date_s is not None else received_s
    return max(headers.expires_s - sent_s, 0.0)


def is_storable(headers: CacheHeaders, received_s: float) -> bool:
    """Section 3: whether a response may be stored, and storing it is of any use."""
    cache_control = headers.cache_control or _NO_DIRECTIVES
    if cache_control.forbids_storing or headers.varies_by_anything:
        return False
    is_fresh_for_a_while = (
        not cache_control.no_cache and freshness_lifetime(headers, received_s) > 0
    )
    return headers.has_validator or is_fresh_for_a_while


def is_fresh(stored: StoredResponse, now_s: float, max_age: float) -> bool:
    """Section 4.2: whether it may be used without revalidation; never after `max_age` seconds."""
    if (stored.headers.cache_control or _NO_DIRECTIVES).no_cache:
        return False
    resident_s = abs(now_s - stored.received_s)
    lifetime = freshness_lifetime(stored.headers, stored.received_s)
    return resident_s < max_age and stored.initial_age_s + resident_s < lifetime


def conditional_headers(headers: CacheHeaders) -> dict[str, str]:
    """Section 4.3.1: the request headers that ask whether the document has changed."""
    validators = {"if-none-match": headers.etag, "if-modified-since": headers.last_modified}
    return {name: value for name, value in validators.items() if value is not None}


def confirms(headers: CacheHeaders, stored: StoredResponse) -> bool:
    """Section 4.3.4: whether a 304 with these headers is about this stored response."""
    if headers.etag is not None and stored.headers.etag is not None:
        return headers.etag.removeprefix("W/") == stored.headers.etag.removeprefix("W/")
    if headers.last_modified is not None and stored.headers.last_modified is not None:
        return headers.last_modified == stored.headers.last_modified
    return True


def freshened(
    stored: StoredResponse, headers: CacheHeaders, requested_s: float, received_s: float
) -> StoredResponse:
    """Section 3.2: the stored response with the headers of a 304. Its age is that of the 304."""
    updates = {name: value for name, value in structs.asdict(headers).items() if value is not None}
    undated = structs.replace(stored.headers, date_s=None, age_s=None)
    return StoredResponse(
        body=stored.body,
        content_type=stored.content_type,
        headers=structs.replace(undated, **updates),
        received_s=received_s,
        initial_age_s=initial_age(headers, requested_s, received_s),
    )
