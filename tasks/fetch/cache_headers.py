"""What the headers of an answer say about keeping it, read so that no header can do harm.

Validators go back to the site word for word, so only those of the exact form are taken: an `ETag`
of `*` would match everything.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re

import httpx
from msgspec import Struct, structs

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


UNSAID = Control()


class Answer(Struct, frozen=True, array_like=True):
    """A document as it was received, or last confirmed."""

    body: bytes
    """Decompressed."""
    content_type: str | None
    said: Said
    received_s: float
    """When it came, by our own clock, in seconds since the epoch."""
    initial_age_s: float
    """How old it was then."""


def initial_age(said: Said, asked_s: float, received_s: float) -> float:
    """Section 4.2.3: by its `Date` or by its `Age` and its time under way, whichever is more."""
    by_date = max(received_s - said.date_s, 0.0) if said.date_s is not None else 0.0
    under_way = max(received_s - asked_s, 0.0)
    return max(by_date, (said.age_s or 0.0) + under_way)


def lifetime(said: Said, received_s: float) -> float:
    """Section 4.2.1: seconds from its origin on in which it is fresh; 0 if it does not say."""
    control = said.control or UNSAID
    if control.max_age is not None:
        return float(control.max_age)
    if said.expires_s is None:
        return 0.0
    return max(said.expires_s - (said.date_s if said.date_s is not None else received_s), 0.0)


def may_be_kept(said: Said, received_s: float) -> bool:
    """Section 3, and whether it would be of any use."""
    control = said.control or UNSAID
    if control.refused or said.varies:
        return False
    return said.has_validator or (not control.no_cache and lifetime(said, received_s) > 0)


def is_fresh(answer: Answer, now_s: float, max_age: float) -> bool:
    """Whether it may be used without asking: as the site says, and for `max_age` at the most."""
    if (answer.said.control or UNSAID).no_cache:
        return False
    here = abs(now_s - answer.received_s)
    lives = lifetime(answer.said, answer.received_s)
    return here < max_age and answer.initial_age_s + here < lives


def conditions(said: Said) -> dict[str, str]:
    """Section 4.3.1: the headers that ask whether the document has changed."""
    asked = {"if-none-match": said.etag, "if-modified-since": said.last_modified}
    return {name: value for name, value in asked.items() if value is not None}


def confirms(said: Said, answer: Answer) -> bool:
    """Section 4.3.4: whether what a 304 says is of this answer, and not of another."""
    if said.etag is not None and answer.said.etag is not None:
        return said.etag.removeprefix("W/") == answer.said.etag.removeprefix("W/")
    if said.last_modified is not None and answer.said.last_modified is not None:
        return said.last_modified == answer.said.last_modified
    return True


def confirmed(answer: Answer, said: Said, asked_s: float, received_s: float) -> Answer:
    """Section 3.2: the answer with whatever the 304 says anew. Its age is the age of the 304."""
    anew = {name: value for name, value in structs.asdict(said).items() if value is not None}
    undated = structs.replace(answer.said, date_s=None, age_s=None)
    return Answer(
        body=answer.body,
        content_type=answer.content_type,
        said=structs.replace(undated, **anew),
        received_s=received_s,
        initial_age_s=initial_age(said, asked_s, received_s),
    )
