"""What the headers of an answer say about keeping it, read so that no header can do harm.

Validators go back to the site word for word, so only those of the exact form are taken: an `ETag`
of `*` would match everything.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re

import httpx
from msgspec import Struct

LONGEST_HEADER = 2_000
"""Characters of a Cache-Control that are read. Of one that is longer nothing is believed."""

MOST_SECONDS = 2**31
"""What the RFC takes for forever."""

_DIRECTIVE = re.compile(r"""([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*))?""")
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,500}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


class Control(Struct, frozen=True, kw_only=True):
    """A `Cache-Control`, as far as it means something for us."""

    refused: bool = False
    """`no-store` or `private`: it must not be kept."""
    no_cache: bool = False
    """It must not be used without asking."""
    max_age: int | None = None
    """Seconds; None where it does not say."""


class Said(Struct, frozen=True, kw_only=True):
    """Each is None where the answer does not say it, or not in a way that makes sense."""

    control: Control | None = None
    expires_s: float | None = None
    """Seconds since the epoch, as all times here; 0 for an `Expires` that is no date."""
    date_s: float | None = None
    age_s: float | None = None
    etag: str | None = None
    last_modified: str | None = None
    varies: bool | None = None
    """Whether it depends on more than the request's headers."""

    @property
    def has_validator(self) -> bool:
        return self.etag is not None or self.last_modified is not None


def read_said(headers: httpx.Headers) -> Said:
    expires = headers.get("expires")
    vary = headers.get("vary")
    return Said(
        control=read_control(headers.get("cache-control")),
        expires_s=None if expires is None else http_date(_single(headers, "expires")) or 0.0,
        date_s=http_date(_single(headers, "date")),
        age_s=_delta(_single(headers, "age")),
        etag=_matching(_ETAG, _single(headers, "etag")),
        last_modified=_matching(_DATE, _single(headers, "last-modified")),
        varies=None if vary is None else "*" in vary,
    )


def read_control(value: str | None) -> Control | None:
    if value is None:
        return None
    if len(value) > LONGEST_HEADER:
        return Control(refused=True)
    given = [(name.lower(), words.strip('"')) for name, words in _DIRECTIVE.findall(value)]
    names = {name for name, _ in given}
    ages = [_delta(words) or 0 for name, words in given if name in ("max-age", "s-maxage")]
    return Control(
        refused=not names.isdisjoint({"no-store", "private"}),
        no_cache="no-cache" in names,
        max_age=min(ages) if ages else None,
    )


def http_date(value: str | None) -> float | None:
    """Seconds since the epoch; None for what is no date."""
    if value is None or len(value) > 100:
        return None
    try:
        when = email.utils.parsedate_to_datetime(value)
        aware = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
        return aware.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _single(headers: httpx.Headers, name: str) -> str | None:
    """The value of a header that may be sent once; None if it was sent in several versions."""
    values = {value.strip() for value in headers.get_list(name)}
    return values.pop() if len(values) == 1 else None


def _delta(value: str | None) -> int | None:
    """Seconds; None for what is no number."""
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return min(int(value[:11]), MOST_SECONDS)


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None
