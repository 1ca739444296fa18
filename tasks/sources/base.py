"""What all sources share: how a service is asked, how its answer is read, and how it fails.

In the order of a search: the phrase and the URL (`phrase`, `search_url`, `KeyedService`), the
answer in JSON (`parse_json_answer`, `valid_records`), the candidates (`candidates_of`), the errors
(`refusal`, `service_error`, `malformed_answer`, `combined_failure`) and the time limit.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from nlp.article import Page
from nlp.feeds.feed import MAX_TITLE_CHARS, absolute_http_url
from nlp.text.plain_text import plain_text
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher, Findings, Source

T = TypeVar("T")

RECENT_DAYS = 90
"""How far back we search where a service would otherwise rank articles of all years."""

_OPERATORS = frozenset('"():<>')


def phrase(topic: str) -> str:
    """The topic as one phrase, in quotes where it has several words.

    Without the characters that services read as operators, which would make the query invalid.
    """
    words = "".join(" " if char in _OPERATORS else char for char in topic).split()
    cleaned = " ".join(word.lstrip("-+") for word in words)
    return f'"{cleaned}"' if " " in cleaned or "-" in cleaned else cleaned


def first_recent_day(now: float) -> int:
    """The day from which we search, in days since the epoch; `now` in seconds.

    Whole days, so that a search has the same URL all day and can be answered from a cache.
    """
    return int(now // 86_400) - RECENT_DAYS


def search_url(base_url: str, parameters: Mapping[str, str]) -> str:
    """The service's URL, which may have parameters of its own, with these parameters."""
    return f"{base_url}{'&' if '?' in base_url else '?'}{urlencode(parameters)}"


class KeyedService:
    """Sends requests to one service with its key.

    The key is sent in a header, so it appears in no URL, and it is removed from the answer: some
    services repeat a wrong key in their answer, and their answers are quoted to readers.
    """

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


MAX_JSON_PARTS = 300_000
"""Members and elements of an answer. The longest real one has 60,000; one of 5 MB may have two
million, which would block the event loop for a second."""

MAX_RECORDS_READ = 5_000
"""More than any service returns."""


def parse_json_answer(
    page: Page, type_: type[T], service: str, *, retry_after: float | None = None
) -> T:
    """The answer as `type_`. Raises PermanentFailure or TransientFailure where it is none.

    `retry_after` is the pause that the service is known to ask for if it complains of too many
    requests.
    """
    text = page.body.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    if not text.startswith("{"):
        raise refusal(service, text, retry_after=retry_after)
    if sum(map(text.count, "{[,")) > MAX_JSON_PARTS:
        raise malformed_answer(service)
    try:
        # Not strict: some titles contain line breaks that JSON does not allow.
        return msgspec.convert(json.loads(text, strict=False), type_)
    except (ValueError, RecursionError) as error:
        raise malformed_answer(service) from error


def valid_records(records: Iterable[Any], type_: type[T]) -> Iterator[T]:
    """Those of the records that are a `type_`: a broken record does not affect the others."""
    for record in islice(records, MAX_RECORDS_READ):
        try:
            yield msgspec.convert(record, type_)
        except msgspec.ValidationError:
            continue


def candidates_of(source: str, links: Iterable[tuple[object, object]], limit: int) -> Findings:
    """At most `limit` candidates of these links and titles, each link once, in their order.

    A link that is not a complete http URL is omitted: there is no base URL for a relative one.
    """
    by_url: dict[str, Candidate] = {}
    seen = 0
    for link, title in links:
        seen += 1
        url = absolute_http_url(link)
        if url is not None and url not in by_url:
            short_title = plain_text(title, MAX_TITLE_CHARS) or None
            by_url[url] = Candidate(url=url, source=source, title=short_title)
        if len(by_url) == limit:
            break
    return Findings(candidates=tuple(by_url.values()), seen=seen)


MAX_QUOTED_CHARS = 200

MAX_EXAMINED_CHARS = 2_000
"""Of an answer that is no result; its beginning shows what it is."""

_RATE_LIMITED = re.compile(
    r"limit requests|rate.{0,3}(limit|exceed)|too many requests|throttl|slow down", re.IGNORECASE
)


def refusal(service: str, text: str, *, retry_after: float | None = None) -> StepError:
    """The failure for an answer that is no result, by its text.

    Plain text is the service's own message, and is quoted; HTML comes from some machine between.
    `retry_after` is the pause that the service is known to ask for if it complains of too many
    requests.
    """
    message = " ".join(text[:MAX_EXAMINED_CHARS].split())
    if _RATE_LIMITED.search(message):
        return TransientFailure(
            Reason.SERVER_ERROR, f"{service} asks for fewer requests.", retry_after=retry_after
        )
    if not message or message.startswith("<"):
        return TransientFailure(Reason.SERVER_ERROR, f"{service} answered with no result.")
    return PermanentFailure(
        Reason.HTTP_ERROR, f"{service} refused the search: {message[:MAX_QUOTED_CHARS]}"
    )


def service_error(service: str, message: object, *, transient: bool) -> StepError:
    """The failure for an error that a service reports in its own format.

    `transient`: whether the error is the service's own and may pass.
    """
    quoted = plain_text(message, MAX_QUOTED_CHARS) or "it does not say why"
    if transient:
        return TransientFailure(
            Reason.SERVER_ERROR, f"{service} cannot search at the moment: {quoted}"
        )
    return PermanentFailure(Reason.HTTP_ERROR, f"{service} refused the search: {quoted}")


def malformed_answer(service: str) -> StepError:
    """The failure for JSON that is incomplete, or not in the documented format."""
    return TransientFailure(
        Reason.SERVER_ERROR, f"{service}'s answer is not the JSON that it promises."
    )


def combined_failure(detail: str, failures: Sequence[StepError]) -> StepError:
    """One failure for several. It is transient if one of them is, with the shortest wait."""
    transient = [failure for failure in failures if isinstance(failure, TransientFailure)]
    if not transient:
        return PermanentFailure(Reason.SOURCES_FAILED, detail)
    waits = [failure.retry_after for failure in transient if failure.retry_after is not None]
    return TransientFailure(
        Reason.SOURCES_FAILED, detail, retry_after=min(waits) if waits else None
    )


class TimeLimitedSource:
    """A source with a time limit, so that one that hangs does not delay the others' candidates.

    The limit includes the wait for requests of other jobs.
    """

    def __init__(self, source: Source, seconds: float) -> None:
        self._source = source
        self._seconds = seconds

    @property
    def name(self) -> str:
        return self._source.name

    async def find(self, topic: str, limit: int) -> Findings:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._source.find(topic, limit)
        except TimeoutError as error:
            raise TransientFailure(
                Reason.TIMED_OUT, f"It found nothing within {self._seconds:g} seconds."
            ) from error
