"""An answer that is kept: whether it may be, how old it is, and how long it may be used.

The numbers of the sections are those of RFC 9111.
"""

from __future__ import annotations

from msgspec import Struct, structs

from tasks.fetch.caching.said import Control, Said

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
