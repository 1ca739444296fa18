"""What it means that several things failed together."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
from msgspec.structs import replace

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher, Source


def all_failed(detail: str, failures: Sequence[StepError]) -> StepError:
    """One failure for all of them. It may pass if one of them may, and waits as that one asks."""
    passing = [failure for failure in failures if isinstance(failure, TransientFailure)]
    if not passing:
        return PermanentFailure(Reason.SOURCES_FAILED, detail)
    waits = [failure.retry_after for failure in passing if failure.retry_after is not None]
    return TransientFailure(
        Reason.SOURCES_FAILED, detail, retry_after=min(waits) if waits else None
    )


MAX_TITLE_CHARS = 300

_TAG = re.compile(r"<[^<>]*>")


def candidates_of(
    source: str, named: Iterable[tuple[object, object]], limit: int
) -> list[Candidate]:
    """At most `limit` candidates of these links and titles, each link once, in their order.

    What is no whole http link is left out: nobody says what a relative one is relative to.
    """
    first: dict[str, Candidate] = {}
    for link, title in named:
        url = http_link(link)
        if url is not None and url not in first:
            shown = plain_text(title, MAX_TITLE_CHARS) or None
            first[url] = Candidate(url=url, source=source, title=shown)
        if len(first) == limit:
            break
    return list(first.values())


def http_link(link: object, base_url: str = "") -> str | None:
    """The link as a whole URL; None for `javascript:`, `ftp:`, and what is no URL at all."""
    if not isinstance(link, str) or not link.strip():
        return None
    try:
        joined = urljoin(base_url, link.strip())
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in ("http", "https") and parts.netloc else None


def plain_text(markup: object, max_chars: int) -> str:
    """The text without tags, entities and line breaks; cut first, so that it costs little."""
    if not isinstance(markup, str):
        return ""
    return " ".join(html.unescape(_TAG.sub(" ", markup[:max_chars])).split())


MAX_QUOTED_CHARS = 200

MAX_LOOKED_AT = 2_000
"""Characters of an answer; that many say what it is."""

_IMPATIENT = re.compile(
    r"limit requests|rate.{0,3}(limit|exceed)|too many requests|throttl|slow down", re.IGNORECASE
)


def refusal(service: str, text: str, *, retry_after: float | None = None) -> StepError:
    """Why there are no results, by what stands in their place.

    Plain text is a service's own word, and is quoted; a page is some machine's on the way to it.
    `retry_after` is what the service is known to ask for where it speaks of too many requests.
    """
    said = " ".join(text[:MAX_LOOKED_AT].split())
    if _IMPATIENT.search(said):
        return TransientFailure(
            Reason.SERVER_ERROR, f"{service} asks for fewer requests.", retry_after=retry_after
        )
    if not said or said.startswith("<"):
        return TransientFailure(Reason.SERVER_ERROR, f"{service} answered with no result.")
    return PermanentFailure(
        Reason.HTTP_ERROR, f"{service} refused the search: {said[:MAX_QUOTED_CHARS]}"
    )


def complaint(service: str, message: object, *, passing: bool) -> StepError:
    """A mistake that a service tells in its own format; `passing` where it is not ours."""
    said = plain_text(message, MAX_QUOTED_CHARS) or "it does not say why"
    if passing:
        return TransientFailure(
            Reason.SERVER_ERROR, f"{service} cannot search at the moment: {said}"
        )
    return PermanentFailure(Reason.HTTP_ERROR, f"{service} refused the search: {said}")


T = TypeVar("T")

MAX_RECORDS_READ = 5_000
"""More than any service brings. An answer of 5 MB may hold two million broken ones, and reading all
would take the loop 1.2 s instead of 0.14."""


def json_answer(page: Page, kind: type[T], service: str, *, retry_after: float | None = None) -> T:
    """The answer as `kind`. Raises PermanentFailure or TransientFailure where it is no such thing.

    `retry_after` is what the service is known to ask for where it speaks of too many requests.
    """
    text = page.body.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    if not text.startswith("{"):
        raise refusal(service, text, retry_after=retry_after)
    try:
        # Not strict: titles come with line breaks that JSON does not allow.
        return msgspec.convert(json.loads(text, strict=False), kind)
    except (ValueError, RecursionError) as error:
        raise broken_promise(service) from error


def broken_promise(service: str) -> StepError:
    """For JSON that is not whole, or another than documented."""
    return TransientFailure(
        Reason.SERVER_ERROR, f"{service}'s answer is not the JSON that it promises."
    )


def fitting(records: Iterable[Any], kind: type[T]) -> Iterator[T]:
    """Those of the records that are a `kind`: one that is broken costs no other."""
    for record in islice(records, MAX_RECORDS_READ):
        try:
            yield msgspec.convert(record, kind)
        except msgspec.ValidationError:
            continue


class KeyedService:
    """Asks one service with its key."""

    def __init__(self, fetcher: Fetcher, *, header: str, key: str, setting: str) -> None:
        self._fetcher = fetcher
        self._header = header
        self._key = key
        self._setting = setting
        """The name of the setting that holds the key, for the operator."""

    async def document(self, url: str) -> Page:
        """Raises PermanentFailure or TransientFailure."""
        try:
            page = await self._fetcher.document(url, headers={self._header: self._key})
        except PermanentFailure as failure:
            if failure.reason is not Reason.HTTP_ERROR:
                raise
            hint = f"{failure.detail} {self._setting} may be wrong, or used up."
            raise PermanentFailure(failure.reason, hint) from failure
        return replace(page, body=page.body.replace(self._key.encode(), b"(hidden)"))


RECENT_DAYS = 90
"""How far back we search where a service would else bring what was best in all years."""

_OPERATORS = frozenset('"():<>')


def search_url(base_url: str, parameters: Mapping[str, str]) -> str:
    """The service's URL, which may have parameters of its own, with these."""
    return f"{base_url}{'&' if '?' in base_url else '?'}{urlencode(parameters)}"


def phrase(topic: str) -> str:
    """The topic as one phrase, in quotes where it has several words.

    Without signs that services take for operators, which would be errors in it.
    """
    words = "".join(" " if char in _OPERATORS else char for char in topic).split()
    cleaned = " ".join(word.lstrip("-+") for word in words)
    return f'"{cleaned}"' if " " in cleaned or "-" in cleaned else cleaned


def first_recent_day(now: float) -> int:
    """The day from which we search, in days since the epoch; `now` in seconds.

    Whole days, so that a search has the same URL all day and can be answered from a cache.
    """
    return int(now // 86_400) - RECENT_DAYS


class BoundedSource:
    """The source within its time, its turns with other jobs included."""

    def __init__(self, source: Source, seconds: float) -> None:
        self._source = source
        self._seconds = seconds

    @property
    def name(self) -> str:
        return self._source.name

    async def find(self, topic: str, limit: int) -> Sequence[Candidate]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._source.find(topic, limit)
        except TimeoutError as error:
            raise TransientFailure(
                Reason.TIMED_OUT, f"It found nothing within {self._seconds:g} seconds."
            ) from error
